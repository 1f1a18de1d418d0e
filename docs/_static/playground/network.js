// The two-layer network by hand: handgrad/networks/perceptrons/two_layer.py and the loss of handgrad/rules/losses.py, line for line.
// A matrix is an array of rows. Derivation: docs/derivations/two_layer.md.
"use strict";

globalThis.handgrad = (() => {
  const sum = (a) => a.reduce((total, x) => total + x, 0);
  const columns = (A) => A[0].map((_, j) => A.map((row) => row[j])); // Aᵀ
  const product = (A, B) => A.map((row) => columns(B).map((column) => sum(row.map((a, k) => a * column[k]))));
  const each = (f, A, ...others) =>
    A.map((row, i) => row.map((a, j) => f(a, ...others.map((B) => B[i][j]))));
  const plusRow = (A, b) => A.map((row) => row.map((a, j) => a + b[j]));
  const plusMultiple = (A, reg, W) => each((a, w) => a + reg * w, A, W);
  const sumOverRows = (A) => columns(A).map(sum);
  const squares = (W) => sum(W.flat().map((w) => w * w));
  const isLabel = (q, n, c) => c === q.y[n];

  // The formula of each quantity of a pass, in terms of the others: q has X, y, W1, b1, W2, b2, reg, and N.
  const FORMULAS = {
    // forward
    XW1: (q) => product(q.X, q.W1), // (N, H)
    z1: (q) => plusRow(q.XW1, q.b1), // (N, H)
    h: (q) => each((z) => Math.max(z, 0), q.z1), // (N, H)
    hW2: (q) => product(q.h, q.W2), // (N, C)
    s: (q) => plusRow(q.hW2, q.b2), // (N, C)
    t: (q) => q.s.map((row) => row.map((s) => s - Math.max(...row))), // (N, C), at most 0: no exponential overflows
    e: (q) => each(Math.exp, q.t), // (N, C)
    t_y: (q) => q.t.map((row, n) => row[q.y[n]]), // (N,)
    e_y: (q) => q.t_y.map(Math.exp), // (N,)
    rest: (q) => q.e.map((row, n) => sum(row.filter((_, c) => !isLabel(q, n, c)))), // (N,), Σ_{c≠y} e
    p: (q) => q.e.map((row, n) => row.map((e) => e / (q.rest[n] + q.e_y[n]))), // (N, C)
    L: (q) => sum(q.rest.map((rest, n) => Math.log1p(rest + (q.e_y[n] - 1)) - q.t_y[n])) / q.N,
    W1squared: (q) => squares(q.W1),
    W2squared: (q) => squares(q.W2),
    R: (q) => (q.reg / 2) * (q.W1squared + q.W2squared),
    J: (q) => q.L + q.R,

    // backward; the label's −Σ_{c≠y} p is p_y − 1 without the cancellation
    ds: (q) =>
      q.e.map((row, n) =>
        row.map((e, c) => (isLabel(q, n, c) ? -q.rest[n] : e) * (1 / q.N / (q.rest[n] + q.e_y[n]))),
      ), // (N, C)
    dW2: (q) => plusMultiple(product(columns(q.h), q.ds), q.reg, q.W2), // (H, C)
    db2: (q) => sumOverRows(q.ds), // (C,)
    dh: (q) => product(q.ds, columns(q.W2)), // (N, H)
    dz1: (q) => each((z, dh) => (z > 0 ? dh : 0), q.z1, q.dh), // (N, H)
    dW1: (q) => plusMultiple(product(columns(q.X), q.dz1), q.reg, q.W1), // (D, H)
    db1: (q) => sumOverRows(q.dz1), // (H,)
    dX: (q) => product(q.dz1, columns(q.W1)), // (N, D)
  };

  // The quantities of one pass, each computed on first use and then kept.
  function evaluate(state, replaced = {}) {
    const q = { ...state, state, N: state.X.length };
    for (const [name, formula] of Object.entries({ ...FORMULAS, ...replaced })) {
      const compute = () => {
        const value = formula(q);
        Object.defineProperty(q, name, { value });
        return value;
      };
      Object.defineProperty(q, name, { get: compute, configurable: true, enumerable: true });
    }
    return q;
  }

  return { FORMULAS, evaluate, each, product, columns, plusMultiple, sumOverRows, squares };
})();
