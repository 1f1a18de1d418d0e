"""A row of the benchmark times what its label names, a figure for each program and round."""

import numpy as np
import pytest

from oracle.benchmarks import derivatives, epochs, metrics, processes, steps, timing


@pytest.fixture(autouse=True)
def _one_call_a_block(monkeypatch):
    monkeypatch.setattr(timing, "_once", lambda program: 1.0)
    monkeypatch.setattr(timing.time, "sleep", lambda seconds: None)


def lengths(figures):
    return {name: len(values) for name, values in figures.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_of_steps_times_the_shape_of_its_label(monkeypatch, dtype):
    made = []
    for name in ("handgrad", "textbook"):
        monkeypatch.setitem(steps.PROGRAMS, name, lambda of: made.append(of) or (lambda: None))

    for label in ("5, 4, 10, 3", "64, 64, 100, 10"):
        made.clear()
        found = metrics.MEASURES["steps"].rows[label](dtype, ["handgrad", "textbook"], 2)

        assert [lengths(figures) for figures in found] == [{"handgrad": n, "textbook": n} for n in (1, 2)]
        assert [", ".join(map(str, (*of.X.shape, *of.params["W2"].shape))) for of in made] == [label, label]
        assert {of.X.dtype for of in made} == {np.dtype(dtype)}


def test_a_row_of_epochs_times_the_batch_size_of_its_label(monkeypatch):
    made = []
    monkeypatch.setitem(epochs.PROGRAMS, "jax", lambda of: made.append(of) or (lambda: None))

    for row in metrics.MEASURES["epochs"].rows.values():
        list(row("float32", ["jax"], 1))

    assert [f"batches of {of.batch_size}" for of in made] == [*metrics.MEASURES["epochs"].rows]
    assert {of.X.dtype for of in made} == {np.dtype("float32")}


def test_a_row_of_derivatives_times_the_quantity_and_the_shape_of_its_label(monkeypatch):
    made = []
    for what in derivatives.QUANTITIES:

        def programs(of, what=what):
            made.append(f"{', '.join(map(str, (*of.X.shape, *of.params['W2'].shape)))}: {what}")
            return {"handgrad": lambda: None, "jax": lambda: None}

        monkeypatch.setitem(derivatives.QUANTITIES, what, programs)
    measure = metrics.MEASURES["further"]

    for row in measure.rows.values():
        (figures,) = row("float64", ["jax"], 1)
        assert lengths(figures) == {"jax": 1}

    assert made == [*measure.rows]
    assert {label.split(":")[0] for label in made[: measure.quick]} == {"128, 784, 256, 10"}


def test_each_program_is_started_once_a_round(monkeypatch):
    started = []
    monkeypatch.setattr(processes, "first_gradient", started.append)
    (row,) = metrics.MEASURES["start"].rows.values()

    found = [lengths(figures) for figures in row("float64", ["handgrad", "numpy"], 2)]

    assert found == [{"handgrad": 1, "numpy": 1}, {"handgrad": 2, "numpy": 2}]
    assert started == ["handgrad", "numpy"] * 2


def test_memory_is_measured_once_however_many_the_rounds(monkeypatch):
    monkeypatch.setitem(processes.MEMORY, "graph", lambda shape, dtype: (", ".join(map(str, shape)), dtype))

    for label, row in metrics.MEASURES["memory"].rows.items():
        assert list(row("float32", ["graph"], 5)) == [{"graph": [(label, "float32")]}]


@pytest.mark.parametrize("measure", metrics.MEASURES.values(), ids=metrics.MEASURES)
def test_the_others_are_compared_with_handgrad_and_a_quick_run_is_a_part(measure):
    assert measure.programs[0] == "handgrad"
    assert 1 <= measure.quick <= len(measure.rows)
