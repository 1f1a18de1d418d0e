from types import SimpleNamespace

import numpy as np
import pytest

from handgrad import TwoLayerNet, two_layer
from handgrad.training import fit
from handgrad.training.fit import TrainingDiverged, TrainingInterrupted


def toy():
    """The toy problem of the course's assignment: 5 examples of 4 numbers, 10 hidden units, 3 classes."""
    net = TwoLayerNet(4, 10, 3, std=0.1, rng=np.random.default_rng(0))
    return net, 10 * np.random.default_rng(1).standard_normal((5, 4)), np.array([0, 1, 2, 2, 1])


def test_weights_start_small_and_biases_at_zero():
    net = TwoLayerNet(300, 400, 10, rng=np.random.default_rng(0))

    assert {name: p.shape for name, p in net.params.items()} == {
        "W1": (300, 400),
        "b1": (400,),
        "W2": (400, 10),
        "b2": (10,),
    }
    assert not net.params["b1"].any()
    assert not net.params["b2"].any()
    deviation = net.params["W1"].std()
    assert abs(deviation - 1e-4) < 5 * 1e-4 / np.sqrt(2 * 300 * 400)  # five standard errors


def test_loss_is_scores_without_labels_and_loss_and_gradient_with_them():
    net, X, y = toy()
    expected, expected_grads = two_layer.loss_and_grad(net.params, X, y, 0.05)

    loss, grads = net.loss(X, y, reg=0.05)

    np.testing.assert_array_equal(net.loss(X), two_layer.scores(net.params, X))
    assert loss == expected
    for name in net.params:
        np.testing.assert_array_equal(grads[name], expected_grads[name])


@pytest.mark.parametrize("reg", [0.0, 0.05])
def test_gradient_on_the_toy_problem_is_the_centred_difference(reg):
    net, X, y = toy()
    _, grads = net.loss(X, y, reg=reg)

    # Rounding leaves ε J / h of error and the difference h² J‴ / 6: about 1e-10 each of a gradient near 1 at h = 1e-5.
    h = 1e-5
    for name, p in net.params.items():
        difference = np.zeros_like(p)
        for at in np.ndindex(p.shape):
            original = p[at]
            p[at] = original + h
            above, _ = net.loss(X, y, reg=reg)
            p[at] = original - h
            below, _ = net.loss(X, y, reg=reg)
            p[at] = original
            difference[at] = (above - below) / (2 * h)
        assert np.linalg.norm(difference - grads[name]) <= 1e-8 * np.linalg.norm(grads[name]), name


def test_training_learns_the_toy_problem():
    net, X, y = toy()

    stats = net.train(X, y, X, y, learning_rate=0.1, reg=5e-6)

    assert stats["loss_history"][-1] < np.log(3) / 10  # a tenth of what guessing costs
    assert stats["train_acc_history"][-1] == stats["val_acc_history"][-1] == 1.0
    np.testing.assert_array_equal(net.predict(X), y)


def test_training_on_all_of_the_data_is_gradient_descent_with_a_decaying_rate():
    net, X, y = toy()
    expected = {name: p.copy() for name, p in net.params.items()}
    for i in range(10):
        _, grads = two_layer.loss_and_grad(expected, X, y, 0.01)
        for name in expected:
            expected[name] -= 0.1 * 0.8**i * grads[name]

    net.train(X, y, X, y, learning_rate=0.1, learning_rate_decay=0.8, reg=0.01, num_iters=10)

    # only the order of the examples differs, so the order of their sums: a few roundings, which descent keeps small
    for name, p in expected.items():
        np.testing.assert_allclose(net.params[name], p, rtol=0, atol=1e-13 * np.abs(p).max())


@pytest.mark.parametrize(("iterations", "epochs"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_histories_have_the_lengths_of_the_course(iterations, epochs):
    net = TwoLayerNet(2, 3, 2, rng=np.random.default_rng(0))
    X, y = np.random.default_rng(1).standard_normal((40, 2)), np.arange(40) % 2

    stats = net.train(X, y, X[:9], y[:9], num_iters=iterations, batch_size=10)

    assert list(stats) == ["loss_history", "train_acc_history", "val_acc_history"]
    assert [len(values) for values in stats.values()] == [iterations, epochs, epochs]
    assert stats["val_acc_history"][-1] == np.mean(net.predict(X[:9]) == y[:9])


def test_training_continues_from_the_current_parameters():
    net, X, y = toy()
    net.train(X, y, X, y, learning_rate=0.1, learning_rate_decay=1.0, num_iters=20)
    once = net.loss(X, y, reg=5e-6)[0]

    stats = net.train(X, y, X, y, learning_rate=0.1, learning_rate_decay=1.0, num_iters=20)

    assert stats["loss_history"][0] == pytest.approx(once, rel=1e-14)  # the same sum in another order
    assert net.loss(X, y, reg=5e-6)[0] < once


def test_a_seeded_generator_makes_training_repeatable_and_none_makes_nets_differ():
    nets = [toy()[0] for _ in range(2)]
    _, X, y = toy()
    for net in nets:
        net.train(X, y, X, y, batch_size=2)

    np.testing.assert_array_equal(nets[0].params["W1"], nets[1].params["W1"])
    assert not np.array_equal(TwoLayerNet(4, 10, 3).params["W1"], TwoLayerNet(4, 10, 3).params["W1"])


def test_divergence_and_ctrl_c_leave_the_net_with_its_last_good_parameters(monkeypatch):
    net, X, y = toy()
    with pytest.raises(TrainingDiverged) as diverged:
        net.train(X, y, X, y, learning_rate=1e80)
    assert net.params is diverged.value.params
    assert np.isfinite(net.loss(X, y)[0])

    net, X, y = toy()
    before = net.loss(X, y)[0]
    calls = iter(range(100))

    def press_ctrl_c(*args, **kwargs):
        if next(calls) == 30:
            raise KeyboardInterrupt
        return loss_and_grad(*args, **kwargs)

    loss_and_grad = two_layer.loss_and_grad
    monkeypatch.setattr(two_layer, "loss_and_grad", press_ctrl_c)
    with pytest.raises(TrainingInterrupted):
        net.train(X, y, X, y, learning_rate=0.1)
    assert loss_and_grad(net.params, X, y)[0] < before


def test_a_batch_size_of_zero_is_refused_by_name():
    net, X, y = toy()

    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        net.train(X, y, X, y, batch_size=0)


def test_verbose_reports_on_stderr(capsys, monkeypatch):
    net, X, y = toy()
    seconds = iter(range(10_000))
    monkeypatch.setattr(fit, "time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    net.train(X, y, X, y, num_iters=3, verbose=True)

    assert "iteration 3 of 3, loss 1.1" in capsys.readouterr().err
