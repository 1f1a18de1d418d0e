"""Over chunks of rows, gradient and fit equal those of one machine, whichever worker computes or dies."""

import itertools
import os
import re
import signal
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("dask.array", reason="not installed: dask (extra dask)")
pytest.importorskip("distributed", reason="not installed: distributed (extra dask)")

import dask.array as da
from dask.distributed import LocalCluster

from handgrad import NonFiniteError, TrainingDiverged, init_params, mlp, sgd, two_layer
from handgrad import __main__ as command
from handgrad.networks import NETWORKS
from handgrad.training import distributed, fit
from handgrad.training.distributed import connect
from oracle.gradients import autodiff
from oracle.rounding.bounds import compare
from oracle.strategies.networks import network_problems

N, D, H, C = 22, 4, 6, 3


def problem():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((N, D)), rng.integers(0, C, N)
    return init_params([D, H, C], rng=rng), X, y


def chunked(X, y, rows=(8, 3, 11)):
    return da.from_array(X, chunks=(rows, -1)), da.from_array(y, chunks=(rows,))


def loss_and_grad(network=two_layer, *, params=None, X=None, y=None, reg=0.1, **options):
    default_params, *data = problem()
    default_X, default_y = chunked(*data)
    X, y = (default if a is None else a for a, default in ((X, default_X), (y, default_y)))
    options = {"scheduler": "synchronous", **options}
    return distributed.loss_and_grad(network, default_params if params is None else params, X, y, reg, **options)


def train(fit, X, y, network=two_layer, *, params=None, iterations=None, **given):
    """Fit for three epochs of five batches; return the result and the generator's last state."""
    rng = np.random.default_rng(1)
    length = {"epochs": None if iterations else 3, "iterations": iterations, "batch_size": 5}
    given = {**length, "optimizer": sgd(0.2, momentum=0.9), "reg": 0.01, "rng": rng, **given}
    params, history = fit(network, problem()[0] if params is None else params, X, y, **given)
    return params, history, rng.bit_generator.state


def train_here(**given):
    _, X, y = problem()
    return train(fit.fit, X, y, **{"X_val": X[:7], "y_val": y[:7], **given})


def train_there(rows=(8, 3, 11), **given):
    X, y = chunked(*problem()[1:], rows)
    given = {"scheduler": "synchronous", "X": X, "y": y, "X_val": X[:7], "y_val": y[:7], **given}
    return train(distributed.fit, given.pop("X"), given.pop("y"), **given)


def assert_same(found, expected):
    (params, history, state), (expected_params, expected_history, expected_state) = found, expected
    for name in expected_params:
        np.testing.assert_array_equal(params[name], expected_params[name], err_msg=name)
    assert history == expected_history
    assert state == expected_state


def assert_same_to_rounding(found, expected):
    """Compare two ways to sum gradients: a wrong row or weight changes the third digit, rounding the fifteenth."""
    (params, history, state), (expected_params, expected_history, expected_state) = found, expected
    for name in expected_params:
        np.testing.assert_allclose(params[name], expected_params[name], rtol=0, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(history["loss"], expected_history["loss"], rtol=1e-9)
    assert history["train_accuracy"] == expected_history["train_accuracy"]
    assert history["val_accuracy"] == expected_history["val_accuracy"]
    assert state == expected_state


# the gradient


@pytest.mark.parametrize("name", ["two_layer", "mlp"])
@settings(max_examples=10)
@given(data=st.data())
def test_chunks_of_any_size_give_the_gradient_of_one_machine(name, data):
    activation = ("tanh", "silu") if name == "mlp" else None
    case = data.draw(network_problems(name, activation=activation, large=True))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(case.y)), max_size=6)))
    rows = tuple(j - i for i, j in itertools.pairwise([0, *cuts, len(case.y)]))  # of which some may be 0

    J, grads = loss_and_grad(
        NETWORKS[name],
        params=case.params,
        reg=case.reg,
        **dict(zip("Xy", chunked(case.X, case.y, rows))),
        **case.kwargs,
    )

    expected, whole = NETWORKS[name].loss_and_grad(case.params, case.X, case.y, case.reg, **case.kwargs)
    assert {key: (g.shape, g.dtype) for key, g in grads.items()} == {k: (g.shape, g.dtype) for k, g in whole.items()}
    assert J.dtype == expected.dtype
    # in float32 the bound is for one program beside JAX's, which is in float64: here are two
    programs = 2 if case.dtype == np.float32 else 1
    bound = {key: programs * b for key, b in autodiff.answers(case).bound.items()}
    for comparison in compare({"loss": J, **grads}, {"loss": expected, **whole}, bound):
        assert comparison.agrees, str(comparison)


def test_one_chunk_is_one_machine_bit_for_bit():
    params, X, y = problem()
    expected, whole = two_layer.loss_and_grad(params, X, y, 0.1)

    J, grads = loss_and_grad(**dict(zip("Xy", chunked(X, y, (N,)))))

    assert expected == J
    for name, g in whole.items():
        np.testing.assert_array_equal(grads[name], g)


def test_labels_in_other_chunks_are_rechunked():
    *_, y = problem()
    J, grads = loss_and_grad()

    other_J, others = loss_and_grad(y=da.from_array(y, chunks=5))

    assert other_J == J
    np.testing.assert_array_equal(others["W1"], grads["W1"])


def test_the_chunks_gradients_are_added_two_by_two(monkeypatch):
    depth = {}

    def sum_and_note(a, b):
        total = plain(a, b)
        depth[id(total)] = 1 + max(depth.get(id(a), 0), depth.get(id(b), 0))
        kept.append(total)
        return total

    plain, kept = distributed._sum, []
    monkeypatch.setattr(distributed, "_sum", sum_and_note)
    loss_and_grad(**dict(zip("Xy", chunked(*problem()[1:], (1,) * N))))

    assert len(kept) == N - 1
    assert depth[id(kept[-1])] == 5  # of 22 chunks: the logarithm of 32


def test_no_chunk_holds_more_than_its_own_rows():
    seen = []

    def watched(params, X, y, reg):
        seen.append(X.copy())
        return two_layer.loss_and_grad(params, X, y, reg)

    loss_and_grad(SimpleNamespace(loss_and_grad=watched))

    np.testing.assert_array_equal(seen[0], np.zeros((1, D)))  # the check of the network, on a row of zeros
    assert sorted(len(X) for X in seen[1:]) == [3, 8, 11]


# fit


class Labels:
    """Rows equal to their labels, and a network that records the labels of each call and whose loss is their mean."""

    X, y = 1.0 + np.tile(np.arange(N), (D, 1)).T, np.arange(N)

    def __init__(self):
        self.seen = []

    def loss_and_grad(self, params, X, y, reg):
        if X.any():  # or it is a made-up row
            np.testing.assert_array_equal(X[:, 0], 1.0 + y)
            self.seen.append(y)
        return np.mean(y), {"W1": np.zeros(1)}

    def predict(self, params, X):
        return np.zeros(len(X), int)


@settings(max_examples=10)
@given(cuts=st.sets(st.integers(1, N - 1), max_size=5).map(sorted), batch_size=st.integers(1, N + 3))
def test_every_batch_is_that_of_one_machine(cuts, batch_size):
    here, there = Labels(), Labels()
    run = {"params": {"W1": np.zeros(1)}, "optimizer": sgd(0.0), "batch_size": batch_size, "iterations": 6}
    _, expected, _ = train(fit.fit, Labels.X, Labels.y, here, **run)

    X, y = chunked(Labels.X, Labels.y, tuple(np.diff([0, *cuts, N])))
    _, history, _ = train(distributed.fit, X, y, there, scheduler="synchronous", **run)

    ends = np.cumsum([len(y) for y in here.seen])
    for batch, chunks in zip(*(np.split(np.concatenate(network.seen), ends) for network in (here, there))):
        np.testing.assert_array_equal(np.sort(chunks), np.sort(batch))
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=16 * np.finfo(float).eps)  # the weights


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_the_run_is_that_of_one_machine(scheduler):
    assert_same_to_rounding(train_there(scheduler=scheduler), train_here())


def test_options_reach_the_network_and_dtypes_stay():
    params, X, _ = problem()
    single = {"params": {name: p.astype(np.float32) for name, p in params.items()}, "activation": "tanh"}
    X = da.from_array((10 * X).astype(np.int8), chunks=((8, 3, 11), -1))

    found, history, _ = train_there(network=mlp, X=X, X_val=None, y_val=None, **single)

    assert {p.dtype for p in found.values()} == {np.dtype(np.float32)}
    _, expected, _ = train(fit.fit, X.compute(), problem()[2], mlp, X_val=None, y_val=None, **single)
    np.testing.assert_allclose(history["loss"][0], expected["loss"][0], rtol=1e-6)
    assert history["val_accuracy"] == []


@pytest.mark.parametrize(("first", "then"), [(train_here, train_there), (train_there, train_here)])
def test_either_fit_resumes_the_runs_of_the_other(tmp_path, first, then):
    path = tmp_path / "run.npz"
    one_chunk = {train_here: {}, train_there: {"rows": (N,)}}  # with which the two are the same bit for bit
    first(iterations=7, checkpoint=path, **one_chunk[first])

    assert_same(then(resume=path, **one_chunk[then]), train_here())


def test_divergence_keeps_the_last_parameters_whose_loss_was_finite():
    expected, _, _ = train_here(optimizer=sgd(0.1), iterations=7)

    with pytest.raises(TrainingDiverged, match="after 8 iterations the loss is no longer finite") as stopped:
        train_there(optimizer=sgd(lambda step: 1e200 if step == 7 else 0.1))

    assert isinstance(stopped.value.__cause__, NonFiniteError)
    for name in expected:
        np.testing.assert_allclose(stopped.value.params[name], expected[name], rtol=0, atol=1e-9)


# what is refused


UNKNOWN = da.from_array(problem()[1], chunks=(8, -1))
UNKNOWN = UNKNOWN[UNKNOWN[:, 0] > 0]


@pytest.mark.parametrize("call", [loss_and_grad, train_there])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"X": problem()[1]}, TypeError, "X must be a dask array, as from dask.array.from_array, got ndarray"),
        ({"y": problem()[2]}, TypeError, "y must be a dask array"),
        ({"y": da.zeros(N - 1, dtype=int)}, ValueError, "(N, D) and (N,), N and D at least 1, got (22, 4) and (21,)"),
        ({"y": da.zeros(N)}, TypeError, "y must be integers, got dtype float64"),
        ({"X": UNKNOWN}, ValueError, "X must have chunks of known sizes, got shape (nan, 4)"),
        (
            {"X": da.zeros((N, D), chunks=(N, 3))},
            ValueError,
            "X must have chunks of whole rows, got columns in (3, 1)",
        ),
        ({"X": da.zeros((0, D)), "y": da.zeros(0, dtype=int)}, ValueError, "got (0, 4) and (0,)"),
        (
            {"params": init_params([5, H, C], rng=np.random.default_rng(0))},
            ValueError,
            "tried on rows of zeros: W1 must have shape (4, …) to follow X (1, 4), got (5, 6)",
        ),
        ({"X": da.zeros((N, D), dtype=complex)}, TypeError, "X must be real, got dtype complex128"),
        ({"network": SimpleNamespace(predict=two_layer.predict)}, AttributeError, "loss_and_grad"),
        ({"reg": -1.0}, ValueError, "reg must be finite and at least 0, got -1.0"),
        ({"activation": "tanh"}, TypeError, "activation"),
        ({"input_grad": True}, ValueError, "the gradient must have the parameters' keys W1, b1, W2, b2, got W1, b1"),
        (
            {"scheduler": "tcp://"},
            ValueError,
            "scheduler must be an address such as tcp://10.0.0.1:8786",
        ),
        ({"scheduler": 8786}, TypeError, "scheduler must be an address or a dask.distributed.Client, got int"),
    ],
)
def test_invalid_arguments_are_refused_before_anything_is_sent(call, change, error, message, monkeypatch):
    monkeypatch.setattr(distributed, "_compute", None)

    with pytest.raises(error, match=re.escape(message)):
        call(**change)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epochs": 1, "iterations": 1}, ValueError, "exactly one of epochs and iterations must be given, got both"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"X_val": None}, ValueError, "X_val and y_val must be given together, got y_val alone"),
        ({"X_val": problem()[1]}, TypeError, "X_val must be a dask array"),
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator, got int"),
    ],
)
def test_invalid_plans_are_refused_before_anything_is_sent(change, error, message, monkeypatch):
    monkeypatch.setattr(distributed, "_compute", None)

    with pytest.raises(error, match=re.escape(message)):
        train_there(**change)


def test_a_label_out_of_range_is_found_in_its_chunk_or_before_training():
    _, X, y = problem()
    X, y = chunked(X, np.where(np.arange(N) == 9, 7, y))

    with pytest.raises(ValueError, match=r"in rows 8 to 10: y must be in \[0, 3\), got 7"):
        loss_and_grad(X=X, y=y)
    with pytest.raises(ValueError, match=r"tried on rows of zeros: y must be in \[0, 3\), got 7"):
        train_there(X=X, y=y)


@pytest.mark.parametrize("call", [loss_and_grad, train_there])
def test_a_value_that_is_not_finite_is_found_in_its_chunk(call):
    _, X, y = problem()
    X[12, 2] = np.nan
    X, y = chunked(X, y)

    with pytest.raises(
        NonFiniteError,
        match=r"in rows 11 to 21: X must be finite, got X\[1, 2\] = nan",
    ):
        call(X=X, y=y)


# the cluster


@pytest.fixture(scope="module")
def cluster():
    """Yield a client of a local cluster of two processes, and check that they end with it."""
    with connect(workers=2) as client:
        yield client
        processes = client.run(os.getpid).values()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def dies_at(call, folder):
    """Return a network that kills the process of that call, counted from 1 over all processes."""
    us = os.getpid()

    def loss_and_grad(params, X, y, reg=0.0):
        n = 1
        while os.getpid() != us:
            try:
                os.mkdir(f"{folder}/{n}")
            except FileExistsError:
                n += 1
                continue
            if n == call:
                os.kill(os.getpid(), signal.SIGKILL)
            break
        return two_layer.loss_and_grad(params, X, y, reg)

    return SimpleNamespace(loss_and_grad=loss_and_grad, predict=two_layer.predict)


def test_a_worker_killed_in_the_middle_of_a_gradient_loses_nothing(cluster, tmp_path):
    J, grads = loss_and_grad(scheduler=cluster)
    before = set(cluster.run(os.getpid).values())

    J_without_it, grads_without_it = loss_and_grad(dies_at(2, tmp_path), scheduler=cluster)

    # three chunks, one of them twice; and so the first call's, if its result died with the same worker
    assert len(list(tmp_path.iterdir())) in (4, 5)
    cluster.wait_for_workers(2)
    assert len(before & set(cluster.run(os.getpid).values())) == 1
    assert J_without_it == J
    for name, g in grads.items():
        np.testing.assert_array_equal(grads_without_it[name], g)


def test_a_worker_killed_in_the_middle_of_training_loses_nothing(cluster, tmp_path):
    undisturbed = train_there(scheduler="synchronous")

    found = train_there(network=dies_at(9, tmp_path), scheduler=cluster)

    assert (tmp_path / "9").exists()
    assert_same(found, undisturbed)


def test_ctrl_c_in_a_terminal_does_not_stop_the_workers(cluster):
    cluster.wait_for_workers(2)
    workers = list(cluster.run(os.getpid).values())

    for worker in workers:  # as the terminal does, to all processes at once
        os.kill(worker, signal.SIGINT)

    assert list(cluster.run(os.getpid).values()) == workers
    assert loss_and_grad(scheduler=cluster)[0] == loss_and_grad()[0]


def test_a_scheduler_is_a_client_an_address_or_the_client_in_use(cluster):
    J, _ = loss_and_grad()
    address = cluster.scheduler.address

    assert loss_and_grad(scheduler=address)[0] == J
    with cluster.as_current():
        assert loss_and_grad(scheduler=None)[0] == J
        with connect() as at:
            assert at is cluster
    assert cluster.status == "running"


def test_parameters_of_any_size_are_sent_without_a_warning(cluster):
    params = init_params([1200, 1100, 2], rng=np.random.default_rng(0))  # 10.6 MB; Dask warns of 10 MB

    X, y = da.zeros((2, 1200)), da.zeros(2, dtype=int)

    J, _ = loss_and_grad(params=params, X=X, y=y, reg=0.0, scheduler=cluster)
    _, history, _ = train_there(params=params, X=X, y=y, X_val=X, y_val=y, reg=0.0, epochs=1, scheduler=cluster)

    assert history == {"loss": [J], "train_accuracy": [1.0], "val_accuracy": [1.0]}


def test_the_command_trains_on_a_cluster_as_it_does_without(cluster, monkeypatch, capsys):
    short = ["train", "--hidden", "8", "--epochs", "1", "--batch-size", "500"]
    assert command.main(short) == 0
    expected = capsys.readouterr().out.split("trained in")[0]

    assert command.main([*short, "--scheduler", cluster.scheduler.address]) == 0
    assert capsys.readouterr().out.split("trained in")[0] == expected

    asked = []

    def same_cluster(scheduler, *, workers=None):
        asked.append((scheduler, workers))
        return connect(cluster)

    monkeypatch.setattr(distributed, "connect", same_cluster)
    assert command.main([*short, "--workers", "2"]) == 0
    assert capsys.readouterr().out.split("trained in")[0] == expected
    assert asked[0] == (None, 2)


def test_a_missing_scheduler_is_reported_within_the_timeout():
    with (
        pytest.raises(ConnectionError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9: .* after 0.3 s"),
        connect("tcp://127.0.0.1:9", timeout=0.3),
    ):
        pass


def test_a_scheduler_without_workers_is_reported_within_the_timeout():
    with (
        LocalCluster(n_workers=0, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(ConnectionError, match=f"the Dask scheduler at {empty.scheduler_address} has no workers"),
        connect(empty.scheduler_address, timeout=0.3),
    ):
        pass


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"workers": 0}, ValueError, "workers must be an integer of at least 1, got 0"),
        ({"workers": 1.5}, ValueError, "workers must be an integer of at least 1, got 1.5"),
        (
            {"scheduler": "threads", "workers": 2},
            ValueError,
            "cannot be given together, got 'threads' and 2",
        ),
        ({"scheduler": "processes"}, ValueError, "scheduler must be an address such as tcp://10.0.0.1:8786 or "),
    ],
)
def test_invalid_schedulers_are_refused(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)), connect(**arguments):
        pass


@pytest.mark.parametrize("option", [["--workers", "2"], ["--scheduler", "tcp://127.0.0.1:8786"]])
def test_without_dask_the_command_names_the_extra(option, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "dask", None)
    monkeypatch.delitem(sys.modules, "handgrad.training.distributed")

    assert command.main(["train", *option]) == 2
    assert capsys.readouterr().err == "handgrad: error: a cluster needs Dask: pip install 'handgrad[dask]'\n"
