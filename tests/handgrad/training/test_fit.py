import io
import itertools
import json
import pickle
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import handgrad.training.fit as fit_module
from handgrad import NonFiniteError, init_params, mlp, softmax_classifier, tanh, two_layer
from handgrad.training.checkpoints import load_checkpoint, load_params, save_checkpoint, save_params
from handgrad.training.fit import TrainingDiverged, TrainingInterrupted, accuracy, fit
from handgrad.training.optimizers import apply_updates, exponential_decay, sgd

N, D, H, C = 22, 4, 6, 3  # batches of 5: five an epoch, the last of two
PER_EPOCH = 5


def momentum_and_decay():
    return sgd(exponential_decay(0.2, rate=0.7, every=3), momentum=0.9, nesterov=True)


def problem(seed=0):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((N, D)), rng.integers(0, C, N)
    return init_params([D, H, C], rng=rng), X, y


def train(network=two_layer, *, params=None, X=None, y=None, rng=None, optimizer=None, **settings):
    """Fit the problem for three epochs; return the result and the generator's last state."""
    default_params, default_X, default_y = problem()
    params, X, y = (a if a is not None else b for a, b in [(params, default_params), (X, default_X), (y, default_y)])
    rng = np.random.default_rng(1) if rng is None else rng
    if "iterations" not in settings:
        settings.setdefault("epochs", 3)
    settings = {"batch_size": 5, "reg": 0.01, "X_val": X[:7], "y_val": y[:7], **settings}
    params, history = fit(network, params, X, y, optimizer=optimizer or momentum_and_decay(), rng=rng, **settings)
    return params, history, rng.bit_generator.state


def assert_same(found, expected):
    (params, history, state), (expected_params, expected_history, expected_state) = found, expected
    for name in expected_params:
        np.testing.assert_array_equal(params[name], expected_params[name], err_msg=name)
    assert history == expected_history
    np.testing.assert_equal(state, expected_state)


class Watched:
    """A two-layer network that records its batches and raises an error at call number ``at``."""

    predict = staticmethod(two_layer.predict)

    def __init__(self, at=None, instead=None):
        self.batches, self.at, self.instead = [], at, instead

    def loss_and_grad(self, params, X, y, reg):
        self.batches.append((X, y))
        if len(self.batches) - 1 == self.at:
            raise self.instead
        return two_layer.loss_and_grad(params, X, y, reg)


def test_fit_is_the_plain_loop():
    params, X, y = problem()
    rng, opt = np.random.default_rng(1), momentum_and_decay()
    losses, train_accuracy, state = [], [], opt.init(params)
    for _ in range(3):
        order = rng.permutation(N)
        for n in range(0, N, 5):
            rows = order[n : n + 5]
            loss, grads = two_layer.loss_and_grad(params, X[rows], y[rows], 0.01)
            updates, state = opt.update(grads, state, params)
            params = apply_updates(params, updates)
            losses.append(loss)
        train_accuracy.append(np.mean(two_layer.predict(params, X) == y))

    found, history, rng_state = train()

    for name in params:
        np.testing.assert_array_equal(found[name], params[name])
    assert history["loss"] == losses
    assert history["train_accuracy"] == train_accuracy
    assert len(history["val_accuracy"]) == 3
    assert rng_state == rng.bit_generator.state


def test_each_epoch_takes_every_example_once_in_a_new_order_with_a_smaller_last_batch():
    network, (_, X, _) = Watched(), problem()
    train(network)

    assert [len(y) for _, y in network.batches[:15]] == [5, 5, 5, 5, 2] * 3
    epochs = [np.concatenate([X for X, _ in network.batches[k : k + 5]]) for k in (0, 5, 10)]
    for seen in epochs:
        np.testing.assert_array_equal(seen[np.lexsort(seen.T)], X[np.lexsort(X.T)])
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[1], epochs[2])


def test_batches_keep_examples_and_labels_together():
    network, (_, X, y) = Watched(), problem()
    train(network)

    for X_batch, y_batch in network.batches:
        for x, label in zip(X_batch, y_batch, strict=True):
            assert label == y[np.flatnonzero((x == X).all(axis=1))[0]]


def test_the_generator_determines_the_order():
    assert_same(train(rng=np.random.default_rng(5)), train(rng=np.random.default_rng(5)))
    assert train(rng=np.random.default_rng(5))[1] != train(rng=np.random.default_rng(6))[1]


def test_no_argument_is_written_to():
    params, X, y = problem()
    for a in [*params.values(), X, y]:
        a.flags.writeable = False

    found, _, _ = train(params=params, X=X, y=y)

    assert not any(np.shares_memory(found[name], params[name]) for name in params)


def test_a_batch_larger_than_the_data_is_all_of_it():
    network = Watched()
    _, history, _ = train(network, batch_size=200, epochs=4)

    assert {len(y) for _, y in network.batches} == {N}
    assert len(history["loss"]) == len(history["train_accuracy"]) == 4


def test_accuracy_is_measured_at_the_end_of_full_epochs_only():
    _, history, _ = train(iterations=13, X_val=None, y_val=None)

    assert {name: len(values) for name, values in history.items()} == {
        "loss": 13,
        "train_accuracy": 2,
        "val_accuracy": 0,
    }


def test_accuracy_counts_correct_labels_over_several_parts():
    params = {"W1": np.eye(2), "b1": np.zeros(2)}
    X = np.tile(np.eye(2), (1500, 1))

    assert accuracy(softmax_classifier, params, X, np.arange(3000) % 2) == 1.0
    assert accuracy(softmax_classifier, params, X, np.repeat([0, 1], [2250, 750])) == 0.5
    assert accuracy(softmax_classifier, params, X[:3], np.array([0, 1, 1])) == 2 / 3


def test_float32_parameters_and_integer_data_stay_float32():
    params, X, y = problem()
    params = {name: p.astype(np.float32) for name, p in params.items()}

    found, _, _ = train(params=params, X=(10 * X).astype(np.int8), y=y)

    assert {p.dtype for p in found.values()} == {np.dtype(np.float32)}


def test_options_reach_the_network():
    params, X, y = problem()
    expected, _ = mlp.loss_and_grad(params, X, y, 0.01, activation="tanh")

    _, history, _ = train(mlp, batch_size=N, activation="tanh")

    assert history["loss"][0] == pytest.approx(expected, rel=1e-14)  # the same sum in another order
    with pytest.raises(TypeError, match="activation"):
        train(two_layer, activation="tanh")


# resuming


@pytest.mark.parametrize("at", [1, 2, 3, 5, 6, 10, 14, 15])
def test_a_run_stopped_by_ctrl_c_and_resumed_is_the_uninterrupted_run_bit_for_bit(tmp_path, at):
    path = tmp_path / "run.npz"
    with pytest.raises(TrainingInterrupted) as stopped:
        train(Watched(at, KeyboardInterrupt()), checkpoint=path)
    other_params = {name: p + 1 for name, p in problem()[0].items()}

    resumed = train(params=other_params, rng=np.random.default_rng(99), checkpoint=path, resume=path)

    assert_same(resumed, train(checkpoint=tmp_path / "unbroken.npz"))
    np.testing.assert_equal(load_checkpoint(path), load_checkpoint(tmp_path / "unbroken.npz"))
    assert len(stopped.value.history["loss"]) == at - 1


@pytest.mark.parametrize("at", [1, 3, 5, 9, 12])
def test_a_killed_run_resumes_from_its_last_checkpoint(tmp_path, at):
    path = tmp_path / "run.npz"
    with pytest.raises(MemoryError):
        train(Watched(at, MemoryError()), checkpoint=path, checkpoint_every=2)

    assert load_checkpoint(path)["iteration"] == (at - 1) // 2 * 2
    assert_same(train(resume=path), train())


def test_a_run_resumed_again_and_again_is_the_uninterrupted_run(tmp_path):
    path = tmp_path / "run.npz"
    train(iterations=1, checkpoint=path)
    for iterations in range(2, 15):
        train(iterations=iterations, checkpoint=path, resume=path)

    assert_same(train(resume=path), train())


def test_a_complete_run_resumes_to_itself(tmp_path):
    path = tmp_path / "run.npz"
    expected = train(checkpoint=path)

    assert_same(train(resume=path), expected)


def test_a_run_can_be_resumed_as_a_longer_one(tmp_path):
    train(epochs=1, checkpoint=tmp_path / "run.npz")

    assert_same(train(resume=tmp_path / "run.npz"), train())


@pytest.mark.parametrize(
    "generator", [np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM], ids=lambda g: g.__name__
)
def test_every_generator_of_numpy_can_be_resumed(tmp_path, generator):
    train(iterations=7, rng=np.random.Generator(generator(3)), checkpoint=tmp_path / "run.npz")

    resumed = train(rng=np.random.Generator(generator(4)), resume=tmp_path / "run.npz")

    assert_same(resumed, train(rng=np.random.Generator(generator(3))))


def test_plain_descent_and_no_validation_can_be_resumed(tmp_path):
    plain = {"optimizer": sgd(0.1), "X_val": None, "y_val": None}
    train(iterations=7, checkpoint=tmp_path / "run.npz", **plain)

    assert_same(train(resume=tmp_path / "run.npz", **plain), train(**plain))


def test_an_activation_is_the_same_by_name_and_as_a_function(tmp_path):
    train(mlp, iterations=7, activation=["tanh"], checkpoint=tmp_path / "run.npz")

    assert_same(train(mlp, activation=(tanh,), resume=tmp_path / "run.npz"), train(mlp, activation=tanh))


def interrupt_at(event, run):
    """Run it, press Ctrl-C at that executed line of fit.py, and return True if the line was reached."""
    count = 0

    def trace(frame, kind, arg):
        nonlocal count
        if frame.f_code.co_filename != fit_module.__file__ or frame.f_code.co_name == "_progress":
            return None
        if kind == "line":
            count += 1
            if count == event:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count >= event


def test_ctrl_c_at_any_line_loses_nothing(tmp_path):
    def short(**settings):
        return train(batch_size=11, epochs=2, **settings)

    expected = short()
    stopped, resumed = 0, 0
    for event in itertools.count(1):
        path = tmp_path / f"{event}.npz"
        try:
            if not interrupt_at(event, lambda path=path: short(checkpoint=path)):
                break
        except TrainingInterrupted:
            stopped += 1
        except KeyboardInterrupt:  # before the first iteration, when there is nothing yet, or after the last
            if not path.exists():
                continue
        assert_same(short(resume=path), expected)
        resumed += 1
    assert resumed >= stopped > 50


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 6}, "batch_size differs from the checkpoint: 5 saved, 6 given"),
        ({"reg": 0.1}, "reg differs from the checkpoint: 0.01 saved, 0.1 given"),
        ({"X": problem()[1][:20], "y": problem()[2][:20]}, "examples differs from the checkpoint: 22 saved, 20 given"),
        ({"y": problem()[2][::-1]}, "checksum of y differs from the checkpoint: "),
        (
            {"X_val": None, "y_val": None},
            "history/val_accuracy differs from the checkpoint: float64 (1,) saved, float64 (0,) given",
        ),
        (
            {"params": init_params([D, 8, C], rng=np.random.default_rng(0))},
            "params/W1 differs from the checkpoint: float64 (4, 6) saved, ",
        ),
        (
            {"params": {name: p.astype(np.float32) for name, p in problem()[0].items()}},
            "params/W1 differs from the checkpoint: float64 (4, 6) saved, float32 (4, 6) given",
        ),
        (
            {"params": problem()[0] | {"b3": np.ones(3)}},
            "params/b3 differs from the checkpoint: nothing saved, float64 (3,) given",
        ),
        (
            {"optimizer": sgd(0.1)},
            "optimizer/velocity/W1 differs from the checkpoint: float64 (4, 6) saved, nothing given",
        ),
        ({"rng": np.random.Generator(np.random.Philox(1))}, "state must be for a Philox"),
        ({"iterations": 6}, "its iteration must be in [0, 6], where this run ends, got 7"),
        ({"network": mlp, "activation": "tanh"}, "activation differs from the checkpoint: nothing saved, tanh given"),
    ],
)
def test_a_run_is_not_resumed_as_another(tmp_path, change, message):
    path = tmp_path / "run.npz"
    train(iterations=7, checkpoint=path)
    rng = change.get("rng", np.random.default_rng(8))
    before = rng.bit_generator.state

    with pytest.raises(ValueError, match=re.escape(f"cannot resume from {path}: ") + ".*" + re.escape(message)):
        train(**({"rng": rng, "resume": path} | change))
    np.testing.assert_equal(rng.bit_generator.state, before)


@pytest.mark.parametrize(
    "tamper",
    [
        {"iteration": -1},
        {"iteration": 5},
        {"iteration": 7.0},
        {"iteration": "seven"},
        {"history": {"loss": [1.0]}},
        {"history": 3},
        {"params": np.ones(3)},
        {"rng": "{"},
        {"rng": "{}"},
        {"rng": "[]"},
        {"rng": np.ones(2)},
        {"rng": '{"bit_generator": "PCG64", "state": {"state": -1, "inc": 1}, "has_uint32": 0, "uinteger": 0}'},
        {"rng": "[" * 100_000},
        {"rng": '{"bit_generator":' * 50_000},
        {"settings": "[" * 100_000},
        {"settings": "[]"},
        {"settings": 1},
        {"more": 1},
    ],
    ids=lambda tamper: str(tamper)[:40],
)
def test_a_tampered_run_is_refused(tmp_path, tamper):
    path = tmp_path / "run.npz"
    train(iterations=7, checkpoint=path)
    save_checkpoint(path, load_checkpoint(path) | tamper)

    with pytest.raises(ValueError, match=re.escape(f"cannot resume from {path}: ")):
        train(resume=path)


@pytest.mark.parametrize("step", [-1, 8, 2**62])
def test_a_run_whose_optimiser_is_at_another_step_is_refused(tmp_path, step):
    path = tmp_path / "run.npz"
    train(iterations=7, checkpoint=path)
    tree = load_checkpoint(path)
    tree["optimizer"]["step"] = step
    save_checkpoint(path, tree)

    with pytest.raises(ValueError, match=re.escape(f"cannot resume from {path}: optimizer/step must be in [0, 7]")):
        train(resume=path)


@pytest.mark.parametrize(
    ("generator", "place", "length"),
    [(np.random.MT19937, ("state", "pos"), 624), (np.random.Philox, ("buffer_pos",), 4)],
)
def test_no_generator_reads_outside_of_its_buffer(tmp_path, generator, place, length):
    """NumPy accepts any position and crashes on the next draw."""
    path = tmp_path / "run.npz"
    train(iterations=7, checkpoint=path, rng=np.random.Generator(generator(3)))
    tree = load_checkpoint(path)

    for position in (-1, -(10**9), length + 1, 10**9):
        state = json.loads(tree["rng"])
        *outer, last = place
        inner = state
        for key in outer:
            inner = inner[key]
        inner[last] = position
        save_checkpoint(path, tree | {"rng": json.dumps(state)})

        with pytest.raises(ValueError, match=rf"its generator\'s position must be in \[0, {length}\], got {position}"):
            train(rng=np.random.Generator(generator(3)), resume=path)


def test_saved_parameters_are_not_a_run(tmp_path):
    save_params(tmp_path / "params.npz", problem()[0])

    with pytest.raises(ValueError, match=r"cannot resume from .*params\.npz: its iteration must be .* got None"):
        train(resume=tmp_path / "params.npz")


def test_a_checkpoint_that_cannot_be_written_fails_at_the_first_iteration(tmp_path):
    network = Watched()

    with pytest.raises(FileNotFoundError):
        train(network, checkpoint=tmp_path / "none" / "run.npz")
    assert len(network.batches) == 1


# stopping


def explodes_at_step_7():
    return sgd(lambda step: 1e200 if step == 7 else 0.1)


def test_divergence_keeps_the_last_parameters_whose_loss_was_finite(tmp_path):
    path = tmp_path / "run.npz"
    expected, history, _ = train(optimizer=sgd(0.1), iterations=7)

    message = r"training diverged: after 8 iterations the loss is no longer finite, at learning rate 1e\+200"
    with pytest.raises(TrainingDiverged, match=message) as stopped:
        train(optimizer=explodes_at_step_7(), checkpoint=path)

    assert isinstance(stopped.value.__cause__, NonFiniteError)
    assert stopped.value.history == history
    assert load_checkpoint(path)["iteration"] == 7
    for name in expected:
        np.testing.assert_array_equal(stopped.value.params[name], expected[name])
        np.testing.assert_array_equal(load_params(path)[name], expected[name])


def test_a_last_update_that_blows_up_is_detected():
    with pytest.raises(TrainingDiverged) as stopped:
        train(optimizer=sgd(1e200), iterations=1)

    assert stopped.value.params is not None
    for name, p in problem()[0].items():
        np.testing.assert_array_equal(stopped.value.params[name], p)


@pytest.mark.parametrize("stopped", [TrainingDiverged, TrainingInterrupted])
def test_a_stopped_run_is_pickled_with_its_parameters_and_history(stopped):
    error = pickle.loads(pickle.dumps(stopped("after 8 iterations", {"W1": np.ones(2)}, {"loss": [1.0]})))

    assert (type(error), str(error), error.history) == (stopped, "after 8 iterations", {"loss": [1.0]})
    np.testing.assert_array_equal(error.params["W1"], np.ones(2))


def test_a_diverged_run_can_be_resumed_at_a_lower_rate(tmp_path):
    path = tmp_path / "run.npz"
    with pytest.raises(TrainingDiverged):
        train(optimizer=explodes_at_step_7(), checkpoint=path)

    _, history, _ = train(optimizer=sgd(0.1), resume=path)

    assert history == train(optimizer=sgd(0.1))[1]


def test_a_network_that_returns_a_loss_that_is_not_finite_diverges_too():
    losses = iter([1.0, 0.5, float("nan")])
    network = SimpleNamespace(
        loss_and_grad=lambda params, X, y, reg: (next(losses), {name: 0 * p for name, p in params.items()}),
        predict=two_layer.predict,
    )

    with pytest.raises(TrainingDiverged) as stopped:
        train(network)
    assert stopped.value.history["loss"] == [1.0]


def test_values_that_are_not_finite_at_the_start_are_bad_input_not_divergence():
    params, X, y = problem()
    X[3, 2] = np.nan

    with pytest.raises(NonFiniteError, match=r"X must be finite, got X\[3, 2\] = nan"):
        train(X=X, X_val=None, y_val=None)
    with pytest.raises(NonFiniteError, match=r"X_val must be finite, got X_val\[3, 2\] = nan"):
        train(X_val=X, y_val=y)
    with pytest.raises(NonFiniteError, match=r"W2 must be finite"):
        train(params=params | {"W2": np.full((H, C), np.inf)})


def test_ctrl_c_without_a_checkpoint_keeps_parameters_and_history():
    with pytest.raises(TrainingInterrupted, match="interrupted after 8 of 15 iterations") as stopped:
        train(Watched(9, KeyboardInterrupt()))

    expected, history, _ = train(iterations=8)
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert stopped.value.history == history
    for name in expected:
        np.testing.assert_array_equal(stopped.value.params[name], expected[name])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epochs": None}, ValueError, "exactly one of epochs and iterations must be given, got neither"),
        ({"epochs": 1, "iterations": 1}, ValueError, "exactly one of epochs and iterations must be given, got both"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"iterations": 2.0}, TypeError, "iterations must be an integer, got float"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"checkpoint_every": 0}, ValueError, "checkpoint_every must be at least 1, got 0"),
        ({"X": np.ones((3, 4)), "y": np.zeros(2, int)}, ValueError, "X and y must have shapes (N, D) and (N,)"),
        ({"X": np.ones((0, 4)), "y": np.zeros(0, int)}, ValueError, "got (0, 4) and (0,)"),
        ({"X_val": np.ones((3, 4)), "y_val": np.zeros(2, int)}, ValueError, "X_val and y_val must have shapes"),
        ({"X_val": None}, ValueError, "X_val and y_val must be given together, got y_val alone"),
        ({"y_val": None}, ValueError, "X_val and y_val must be given together, got X_val alone"),
        ({"X_val": np.ones((7, 3))}, ValueError, "X_val must have as many columns as X (22, 4), got (7, 3)"),
        ({"rng": np.random.RandomState(0)}, TypeError, "rng must be a numpy.random.Generator, got RandomState"),
        ({"y": np.ones(N)}, TypeError, "y must be integers, got dtype float64"),
        ({"y": np.full(N, 3)}, ValueError, "y must be in [0, 3), got 3"),
        ({"reg": -1.0}, ValueError, "reg must be"),
    ],
)
def test_invalid_arguments_are_refused(change, error, message):
    with pytest.raises(error, match=re.escape(message)):
        train(**change)


# progress


@pytest.fixture
def clock(monkeypatch):
    """Advance the clock by an eighth of a second at each call."""
    now = iter(np.arange(0, 1000, 0.125))
    monkeypatch.setattr(fit_module, "time", SimpleNamespace(perf_counter=lambda: next(now)))


def test_progress_is_a_line_per_epoch_after_the_first_second(clock, capsys):
    train(progress=True)

    lines = capsys.readouterr().err.splitlines()
    assert [line.split(", ")[0] for line in lines] == ["iteration 10 of 15", "iteration 15 of 15"]
    assert re.fullmatch(
        r"iteration 10 of 15, loss [\d.]+, train accuracy [\d.]+, val accuracy [\d.]+, \d s left", lines[0]
    )


def test_progress_rewrites_one_line_of_a_terminal(clock, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    train(progress=True)

    assert terminal.getvalue().count("\r") == 8
    assert terminal.getvalue().count("\n") == 1
    assert terminal.getvalue().endswith("\n")


def test_short_runs_and_runs_without_progress_print_nothing(clock, capsys):
    train(progress=False)
    train(progress=True, iterations=5)

    assert capsys.readouterr() == ("", "")
