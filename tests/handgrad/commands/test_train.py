import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from handgrad import __main__ as command
from handgrad import datasets, mlp
from handgrad.commands import train
from handgrad.training.checkpoints import load_checkpoint, load_params

ROOT = Path(command.__file__).parents[1]
SHORT = ["train", "--hidden", "8", "--epochs", "3"]


def table(output):
    """Return the rows of the table as lists of numbers."""
    return [[float(x) for x in line.split()] for line in output.splitlines() if re.match(r" *\d+( +[\d.]+){3}$", line)]


@pytest.fixture
def pixels(monkeypatch):
    """Replace the files of MNIST with bytes, the left half brighter for class 0."""
    rng = np.random.default_rng(0)
    y, y_test = rng.integers(0, 2, 200), rng.integers(0, 2, 50)
    X, X_test = (
        (rng.integers(0, 156, (len(a), 6)) + 100 * (np.arange(6) // 3 == a[:, None])).astype(np.uint8)
        for a in (y, y_test)
    )
    monkeypatch.setattr(datasets, "mnist", lambda path: (X, y, X_test, y_test))
    return X, y, X_test, y_test


def test_the_digits_are_learnt_by_default(run):
    done = run("train")

    assert done.returncode == 0
    assert done.stderr == "" or "iteration" in done.stderr  # a progress line, should the machine be slow
    accuracy, _ = re.search(r"test accuracy ([\d.]+), trained in ([\d.]+) s", done.stdout).groups()
    assert float(accuracy) >= 0.97
    rows = table(done.stdout)
    assert [row[0] for row in rows] == list(range(4, 41, 4))
    assert rows[-1][1] < rows[0][1]
    assert rows[-1][3] == float(accuracy)


@pytest.mark.parametrize("seed", [1, 2])
def test_other_seeds_learn_the_digits_too(seed, capsys):
    assert command.main(["train", "--seed", str(seed)]) == 0

    # the accuracy of a split is off by 0.7 % by chance (450 examples, 0.977 right): three of those below
    assert table(capsys.readouterr().out)[-1][3] >= 0.955


def test_a_hidden_list_may_be_empty_or_long(capsys):
    assert command.main(["train", "--hidden", "--epochs", "2"]) == 0
    assert "64-10 linear network in float64" in capsys.readouterr().out
    assert (
        command.main(["train", "--hidden", "9", "8", "--activation", "tanh", "--epochs", "2", "--dtype", "float32"])
        == 0
    )
    assert "64-9-8-10 tanh network in float32" in capsys.readouterr().out


def test_descent_takes_its_settings(capsys):
    outputs = set()
    for change in [[], ["--decay", "0.5"], ["--momentum", "0.5"], ["--nesterov"], ["--reg", "0.1"], ["--seed", "1"]]:
        assert command.main([*SHORT, *change]) == 0
        outputs.add(capsys.readouterr().out.rsplit(",", 1)[0])  # without the seconds
    assert len(outputs) == 6


def test_the_same_seed_gives_the_same_table(capsys):
    tables = []
    for _ in range(2):
        command.main(SHORT)
        tables.append(table(capsys.readouterr().out))
    assert tables[0] == tables[1]


def test_saved_parameters_give_the_accuracy_that_was_printed(tmp_path, capsys):
    path = tmp_path / "digits.npz"
    assert command.main([*SHORT, "--save", str(path)]) == 0
    output = capsys.readouterr().out
    _, _, X_test, y_test = datasets.train_test_split(
        *datasets.digits(), test_fraction=0.25, rng=np.random.default_rng(0)
    )

    assert f"parameters saved to {path}" in output
    assert round(np.mean(mlp.predict(load_params(path), X_test) == y_test), 4) == table(output)[-1][3]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_saved_parameters_take_raw_pixels(tmp_path, capsys, pixels, dtype):
    _, _, X_test, y_test = pixels
    path = tmp_path / "mnist.npz"
    assert command.main([*SHORT, "--data", "mnist", "--path", "x", "--dtype", dtype, "--save", str(path)]) == 0

    params = load_params(path)
    accuracy = table(capsys.readouterr().out)[-1][3]
    assert {p.dtype for p in params.values()} == {np.dtype(dtype)}
    assert accuracy > 0.9
    assert round(np.mean(mlp.predict(params, X_test) == y_test), 4) == accuracy


def test_pixels_are_scaled_about_the_mean_of_those_trained_on(pixels):
    X, _, X_test, _ = pixels

    found, found_test, mean, scale = train._standardise(X, X_test, np.dtype(np.float32))

    assert found.dtype == found_test.dtype == np.float32
    np.testing.assert_allclose(found, (X - X.mean(axis=0)) / 255, atol=1e-6)
    np.testing.assert_allclose(found_test, (X_test - X.mean(axis=0)) / 255, atol=1e-6)
    np.testing.assert_array_equal(mean, X.mean(axis=0))
    assert scale == 255


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--data", "mnist"], "--data mnist requires --path DIR"),
        (["train", "--data", "mnist", "--path", "/none/such"], "/none/such"),
        (["train", "--data", "cifar10", "--path", "/none/such"], "/none/such"),
        (["train", "--path", "x"], "the digits come with the package"),
        (["train", "--data", "letters"], "invalid choice: 'letters'"),
        (["train", "--activation", "step"], "invalid choice: 'step'"),
        (["train", "--epochs", "many"], "invalid int value: 'many'"),
        (["train", "--epochs", "0"], "epochs must be at least 1, got 0"),
        (["train", "--batch-size", "0"], "batch_size must be at least 1, got 0"),
        (["train", "--hidden", "0"], "sizes must be"),
        (["train", "--momentum", "1"], "momentum must be in [0, 1), got 1.0"),
        (["train", "--momentum", "0", "--nesterov"], "nesterov needs a momentum above 0"),
        (["train", "--learning-rate", "-1"], "learning_rate must be in [0, inf)"),
        (["train", "--learning-rate", "nan"], "learning_rate must be in [0, inf)"),
        (["train", "--decay", "2"], "rate must be in (0, 1], got 2.0"),
        (["train", "--reg", "-1"], "reg must be"),
        (["train", "--seed", "-1"], "expected non-negative integer"),
        (["train", "--resume"], "--resume requires --checkpoint FILE"),
        (["train", "--resume", "--checkpoint", "/none/run.npz"], "/none/run.npz"),
        (["train", "--checkpoint", "/none/run.npz"], "/none/"),
        (["train", "--save", "/none/params.npz"], "--save must be in a writable directory, got /none/params.npz"),
    ],
)
def test_bad_usage_is_one_clear_line_and_status_2(arguments, message, capsys):
    try:
        status = command.main(arguments)
    except SystemExit as stop:  # how argparse ends
        status = stop.code

    output = capsys.readouterr()
    assert status == 2
    assert output.err.startswith("handgrad: error: ")
    assert output.err.count("\n") == 1
    assert message in output.err


def test_divergence_is_one_line_and_status_1(run, tmp_path):
    path = tmp_path / "run.npz"
    done = run(*SHORT, "--learning-rate", "1e80", "--checkpoint", path)

    assert done.returncode == 1
    assert re.fullmatch(r"handgrad: error: training diverged: after \d+ iterations the loss is no .*\n", done.stderr)
    assert str(path) in done.stderr
    assert np.isfinite(load_params(path)["W1"]).all()


def test_ctrl_c_saves_the_run_and_resuming_it_gives_the_uninterrupted_table(tmp_path, capsys):
    path = tmp_path / "run.npz"
    process = subprocess.Popen(
        [sys.executable, "-m", "handgrad", "train", "--epochs", "1000000", "--checkpoint", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    while not path.exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.search(
        rf"handgrad: interrupted after \d+ of \d+ iterations; .*{re.escape(str(path))}.*--resume\n", errors
    )
    assert "Traceback" not in errors

    longer = ["train", "--epochs", str(len(load_checkpoint(path)["history"]["train_accuracy"]) + 2)]
    assert command.main([*longer, "--checkpoint", str(path), "--resume"]) == 0
    resumed = table(capsys.readouterr().out)
    assert command.main(longer) == 0
    assert resumed == table(capsys.readouterr().out)


def test_ctrl_c_without_a_checkpoint_says_that_nothing_was_saved(monkeypatch, capsys):
    def press_ctrl_c(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(mlp, "loss_and_grad", press_ctrl_c)

    assert command.main(SHORT) == 130
    assert "nothing was saved" in capsys.readouterr().err


def test_a_checkpoint_is_not_overwritten_by_a_forgotten_resume(tmp_path, capsys):
    path = tmp_path / "run.npz"
    assert command.main([*SHORT, "--checkpoint", str(path)]) == 0
    before = path.read_bytes()

    assert command.main([*SHORT, "--checkpoint", str(path)]) == 2
    assert "run.npz already exists: continue it with --resume, or delete it" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_run_is_not_resumed_with_another_split(tmp_path, capsys):
    path = str(tmp_path / "run.npz")
    assert command.main([*SHORT, "--checkpoint", path]) == 0

    assert command.main([*SHORT, "--checkpoint", path, "--resume", "--seed", "1"]) == 2
    assert "checksum of y" in capsys.readouterr().err
