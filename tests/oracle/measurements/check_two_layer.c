/* Checks a two-layer ReLU softmax network's loss and gradients in C against golden vectors.

   python -m oracle vectors golden --network two_layer --count 100
   cc -std=c99 -O2 check_two_layer.c -lm -o check_two_layer
   ./check_two_layer golden/[0-9]*.json

   Exits with 0 if every entry is within its bound, else with 1 and the entry. Built with -DMEAN_MISSING, the
   gradient is that of the sum over the batch: a mistake, to see the check fail. */

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the code under test -------------------------------------------------------------------------------------- */

static double loss_and_grad(int N, int D, int H, int C, const double *W1, const double *b1, const double *W2,
                            const double *b2, const double *X, const int *y, double reg, double *dW1, double *db1,
                            double *dW2, double *db2)
{
    double *z = malloc(sizeof(double) * H), *ds = malloc(sizeof(double) * C);
    double loss = 0, penalty = 0;
    memset(dW1, 0, sizeof(double) * D * H);
    memset(db1, 0, sizeof(double) * H);
    memset(dW2, 0, sizeof(double) * H * C);
    memset(db2, 0, sizeof(double) * C);
    for (int n = 0; n < N; n++) {
        const double *x = X + n * D;
        for (int h = 0; h < H; h++) {
            z[h] = b1[h];
            for (int d = 0; d < D; d++) z[h] += x[d] * W1[d * H + h];
        }
        double top = -INFINITY, sum = 0;
        for (int c = 0; c < C; c++) {
            ds[c] = b2[c];
            for (int h = 0; h < H; h++) ds[c] += fmax(z[h], 0) * W2[h * C + c];
            top = fmax(top, ds[c]);
        }
        double label = ds[y[n]] - top;
        for (int c = 0; c < C; c++) sum += ds[c] = exp(ds[c] - top);
        loss += (log(sum) - label) / N;
        double rest = 0; /* the label's score gradient is minus the others', not p - 1, which cancels */
        for (int c = 0; c < C; c++) rest += c == y[n] ? 0 : ds[c];
#ifdef MEAN_MISSING
        double weight = 1 / sum;
#else
        double weight = 1 / sum / N;
#endif
        for (int c = 0; c < C; c++) ds[c] = (c == y[n] ? -rest : ds[c]) * weight;
        for (int c = 0; c < C; c++) db2[c] += ds[c];
        for (int h = 0; h < H; h++) {
            double dh = 0;
            for (int c = 0; c < C; c++) {
                dW2[h * C + c] += fmax(z[h], 0) * ds[c];
                dh += ds[c] * W2[h * C + c];
            }
            if (z[h] > 0) {
                db1[h] += dh;
                for (int d = 0; d < D; d++) dW1[d * H + h] += x[d] * dh;
            }
        }
    }
    for (int k = 0; k < D * H; k++) penalty += W1[k] * W1[k], dW1[k] += reg * W1[k];
    for (int k = 0; k < H * C; k++) penalty += W2[k] * W2[k], dW2[k] += reg * W2[k];
    free(z);
    free(ds);
    return loss + reg / 2 * penalty;
}

/* ---- reading a problem: strtod takes hexadecimal floats as they are -------------------------------------------- */

typedef struct {
    int shape[2];
    int size;
    double *data;
} Array;

static const char *after(const char *text, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *found = strstr(text, quoted);
    if (!found) {
        fprintf(stderr, "no %s\n", quoted);
        exit(2);
    }
    return found + strlen(quoted);
}

static double number(const char *text, const char *key)
{
    return strtod(strchr(after(text, key), '"') + 1, NULL);
}

static Array array(const char *text, const char *key)
{
    Array a = {{1, 1}, 1, NULL};
    const char *at = strchr(after(after(text, key), "shape"), '[') + 1;
    for (int axis = 0; *at != ']'; axis++) {
        a.shape[axis] = (int)strtol(at, (char **)&at, 10);
        a.size *= a.shape[axis];
        while (*at == ',' || isspace((unsigned char)*at)) at++;
    }
    a.data = malloc(sizeof(double) * (a.size + 1));
    at = strchr(after(at, "data"), '[') + 1;
    for (int k = 0; k < a.size; k++) {
        at = strchr(at, '"') + 1;
        a.data[k] = strtod(at, (char **)&at);
        at++;
    }
    return a;
}

static int differs(const char *file, const char *name, const double *given, Array right, Array bound)
{
    for (int k = 0; k < right.size; k++)
        if (!(fabs(given[k] - right.data[k]) <= bound.data[k])) {
            printf("%s: d%s[%d] is %.17g, right is %.17g: the error %.1e exceeds the bound %.1e\n", file, name, k,
                   given[k], right.data[k], fabs(given[k] - right.data[k]), bound.data[k]);
            return 1;
        }
    return 0;
}

static int check(const char *file)
{
    FILE *f = fopen(file, "rb");
    if (!f) {
        perror(file);
        exit(2);
    }
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *text = malloc(size + 1);
    text[fread(text, 1, size, f)] = 0;
    fclose(f);

    const char *names[] = {"W1", "b1", "W2", "b2"}, *params = after(text, "params");
    Array p[4], X = array(text, "X"), right[4], bound[4];
    double *grads[4];
    for (int i = 0; i < 4; i++) {
        p[i] = array(params, names[i]);
        right[i] = array(after(text, "gradients"), names[i]);
        bound[i] = array(after(text, "bounds"), names[i]);
        grads[i] = malloc(sizeof(double) * (p[i].size + 1));
    }
    int N = X.shape[0], D = X.shape[1], H = p[0].shape[1], C = p[2].shape[1];
    int *y = malloc(sizeof(int) * N);
    const char *at = strchr(after(text, "y"), '[') + 1;
    for (int n = 0; n < N; n++) {
        y[n] = (int)strtol(at, (char **)&at, 10);
        at++; /* the comma */
    }

    double loss = loss_and_grad(N, D, H, C, p[0].data, p[1].data, p[2].data, p[3].data, X.data, y, number(text, "reg"),
                                grads[0], grads[1], grads[2], grads[3]);
    int wrong = 0;
    if (!(fabs(loss - number(text, "loss")) <= number(text, "loss_bound"))) {
        printf("%s: the loss is %.17g, right is %.17g\n", file, loss, number(text, "loss"));
        wrong = 1;
    }
    for (int i = 0; i < 4; i++) wrong |= differs(file, names[i], grads[i], right[i], bound[i]);
    for (int i = 0; i < 4; i++) free(p[i].data), free(right[i].data), free(bound[i].data), free(grads[i]);
    free(X.data), free(y), free(text);
    return wrong;
}

int main(int argc, char **argv)
{
    int wrong = 0;
    for (int i = 1; i < argc; i++) wrong += check(argv[i]);
    printf("%d of %d problems wrong\n", wrong, argc - 1);
    return wrong > 0 || argc < 2;
}
