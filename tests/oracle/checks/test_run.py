"""One check from the problems drawn to the verdict: notes, remarks, stages, blind spots and the smallest problem."""

import jax.numpy as jnp
import numpy as np

import oracle
from handgrad import two_layer
from oracle.checks import run

right = two_layer.loss_and_grad


def changed(**by):
    """Return the right answer with some of it changed: by(loss or gradient, params, X, y, reg)."""

    def candidate(params, X, y, reg):
        loss, grads = right(params, X, y, reg)
        answer = {"loss": loss, **grads}
        for name, change in by.items():
            answer[name] = change(answer[name], params, X, y, reg)
        return answer.pop("loss"), answer

    return candidate


def with_maximum(params, X, y, reg):
    h = jnp.maximum(X @ params["W1"] + params["b1"], 0)
    s = h @ params["W2"] + params["b2"]
    t = s - jnp.max(s, axis=1, keepdims=True)
    L = jnp.mean(jnp.log(jnp.sum(jnp.exp(t), axis=1)) - t[jnp.arange(len(y)), y])
    return L + 0.5 * reg * (jnp.sum(params["W1"] ** 2) + jnp.sum(params["W2"] ** 2))


def test_blind_spots_and_mistakes_not_covered_are_named():
    narrow = oracle.problems("two_layer", dtype=np.float64).filter(lambda p: len(p.X) == 1 and p.reg == 0)

    verdict = oracle.check(right, "two_layer", problems=narrow, examples=10)

    assert "N = 1 everywhere hides a missing or doubled mean" in verdict.unseen
    assert "reg = 0 everywhere hides the penalty" in verdict.unseen
    assert "float64 alone hides a gradient in a wrong dtype" in verdict.unseen
    assert {"mean-missing", "l2-missing"} <= {cause for cause, _ in verdict.power.missed}


def test_the_first_wrong_stage_is_named():
    def with_intermediates(params, X, y, reg):
        z1 = X @ params["W1"] + params["b1"]
        h = np.maximum(z1, 0)
        s = h @ params["W2"] + params["b2"]
        p = np.exp(s - s.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        ds = p - np.eye(s.shape[1], dtype=s.dtype)[y]  # / N
        dz1 = ds @ params["W2"].T * (z1 > 0)
        reg = s.dtype.type(reg)
        grads = {
            "W1": X.T @ dz1 + reg * params["W1"],
            "b1": dz1.sum(0),
            "W2": h.T @ ds + reg * params["W2"],
            "b2": ds.sum(0),
        }
        return two_layer.loss(params, X, y, reg), grads, {"h": h, "dscores": ds}

    verdict = oracle.check(with_intermediates, "two_layer")

    assert verdict.causes == ("mean-missing",)
    assert verdict.stage == "dscores, after h, which is right"


def test_a_wrong_shape_beside_wrong_numbers_gets_a_verdict():
    verdict = oracle.check(changed(b2=lambda b2, *_: np.sum(b2), W1=lambda W1, *_: 0 * W1), "two_layer", examples=30)

    assert "shape-wrong" in verdict.causes
    assert {"W1", "b2"} <= {finding.array for finding in verdict.findings}


def test_a_textbook_formula_that_cancels_is_a_remark_and_no_mistake():
    def textbook(params, X, y, reg):
        loss, grads = right(params, X, y, reg)
        s = two_layer.scores(params, X)
        p = np.exp(s - s.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        p[np.arange(len(y)), y] -= 1
        return loss, {**grads, "b2": p.mean(0)}

    verdict = oracle.check(textbook, "two_layer")

    assert verdict.ok
    assert any("p_y − 1 cancels" in remark for remark in verdict.remarks)
    assert oracle.check(right, "two_layer").remarks == ()


def test_a_dtype_that_numpy_promotes_is_a_remark_and_no_mistake():
    def in_doubles(params, X, y, reg):
        loss, grads = right(params, X, y, reg)
        return loss, {name: g.astype(np.result_type(X, g)) for name, g in grads.items()}

    verdict = oracle.check(in_doubles, "two_layer")

    assert verdict.ok
    assert any("for an integer X and float32 parameters" in remark for remark in verdict.remarks)


def test_another_convention_at_a_kink_of_your_own_loss_is_a_remark():
    at_zero = oracle.problems("two_layer", dtype=np.float64).filter(
        lambda p: p.X.shape == (1, 1) and "dead unit" in p.features and "scores to 1e4" not in p.features
    )

    verdict = oracle.check(right, with_maximum, problems=at_zero, examples=6)

    assert verdict.ok, str(verdict)
    assert any("kink" in remark for remark in verdict.remarks)


def test_the_same_seed_gives_the_same_verdict():
    first, second = (oracle.check(changed(b1=lambda g, *_: 2 * g), "two_layer", seed=7) for _ in range(2))

    assert str(first).splitlines()[1:] == str(second).splitlines()[1:]
    assert (
        oracle.check(right, "two_layer", seed=None, examples=2).seed
        != oracle.check(right, "two_layer", seed=None, examples=2).seed
    )


def test_a_failing_problem_is_made_small():
    verdict = oracle.check(changed(b2=lambda g, *_: 2 * g), "two_layer", examples=20)

    assert "X, y = np.array([[" in verdict.snippet
    assert len(verdict.snippet) < 400


def test_digits_lost_of_large_scores_are_a_remark_and_no_mistake():
    def not_shifted(params, X, y, reg):
        loss, grads = right(params, X, y, reg)
        s = two_layer.scores(params, X)
        p = np.exp(s - np.logaddexp.reduce(s, axis=1, keepdims=True))
        p[np.arange(len(y)), y] -= 1
        return loss, {**grads, "b2": p.mean(0)}

    verdict = oracle.check(not_shifted, "two_layer")

    assert verdict.ok, str(verdict)
    assert any("where scores are large it loses their last digits" in remark for remark in verdict.remarks)


def test_scores_that_overflow_are_named_with_the_smallest_that_do():
    def overflows(params, X, y, reg):
        loss, grads = right(params, X, y, reg)
        s = two_layer.scores(params, X)
        return np.where(np.abs(s).max() > 700, np.nan, loss), grads

    verdict = oracle.check(overflows, "two_layer", dtypes=[np.float64])

    assert verdict.causes == ("overflow",)
    assert "the smallest scores that lead to any reach" in verdict.explanations[0].algebra


def test_a_candidate_that_hangs_ends_the_run_at_once():
    calls = []

    def hangs(params, X, y, reg):
        calls.append(1)
        while True:
            pass

    verdict = oracle.check(hangs, "two_layer", time_limit=0.1)

    assert (verdict.causes, verdict.problems, len(calls)) == (("hangs",), 1, 1)


def test_a_mistake_for_integer_data_alone_is_named_by_its_cause():
    def in_the_dtype_of_X(params, X, y, reg):
        loss, grads = right(params, X, y, reg)
        return loss, {**grads, "W1": grads["W1"] if X.dtype.kind == "f" else np.round(grads["W1"])}

    integers = oracle.problems("two_layer", dtype=np.float64).filter(
        lambda p: "integer X" in p.features and p.reg != 0 and np.any(p.params["W1"] * p.reg % 1)
    )
    floats = oracle.problems("two_layer", dtype=np.float64).filter(lambda p: p.X.dtype.kind == "f")

    verdict = oracle.check(in_the_dtype_of_X, "two_layer", problems=integers | floats, examples=30)

    assert "dtype-demoted" in verdict.causes
    assert any(e.when == ("X is an integer array",) for e in verdict.explanations)


def test_shrinking_ends_when_its_time_is_up(monkeypatch):
    monkeypatch.setattr(run, "SHRINK_TIME_LIMIT", 0.0)

    verdict = oracle.check(changed(b2=lambda g, *_: 2 * g), "two_layer", examples=20)

    assert verdict.causes == ("factor-wrong",)
    assert verdict.snippet
