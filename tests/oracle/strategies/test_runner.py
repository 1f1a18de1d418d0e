"""The same seed draws the same problems, and what fails is shrunk, saved, or ends the run at once."""

from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase

from oracle.strategies.networks import network_problems
from oracle.strategies.runner import ProblemFailed, StopDrawing, collect, run

numbers = st.sampled_from(range(1000))
SHRINK = (Phase.generate, Phase.shrink)


def test_the_same_seed_draws_the_same_problems_and_another_seed_others():
    first, again, other = (collect(numbers, examples=20, seed=seed) for seed in (1, 1, 2))

    assert len(first) == 20
    assert first == again != other


def test_networks_are_drawn_alike_as_well():
    first, again = (collect(network_problems("two_layer"), examples=5, seed=3) for _ in range(2))

    assert [p.source() for p in first] == [p.source() for p in again]


def test_a_failing_problem_is_shrunk_and_the_last_is_the_smallest():
    failed = []

    def test(n):
        if n >= 100:
            failed.append(n)
            raise ProblemFailed

    run(numbers, test, examples=50, seed=0, phases=SHRINK)

    assert failed[-1] == 100


def test_a_run_ends_with_the_first_failure_where_nothing_is_shrunk():
    drawn = []

    def test(n):
        drawn.append(n)
        if n >= 100:
            raise ProblemFailed

    run(numbers, test, examples=50, seed=0)

    first = next(i for i, n in enumerate(drawn) if n >= 100)
    assert set(drawn[first:]) == {drawn[first]}


def test_a_run_can_be_stopped_at_once():
    drawn = []

    def test(n):
        drawn.append(n)
        if len(drawn) == 3:
            raise StopDrawing

    run(numbers, test, examples=50, seed=0, phases=SHRINK)

    assert len(drawn) == 3


def test_what_fails_is_saved_under_the_key_and_drawn_first():
    database = InMemoryExampleDatabase()

    def test(n):
        drawn.append(n)
        if n >= 100:
            raise ProblemFailed

    drawn = []
    run(numbers, test, examples=50, seed=0, phases=SHRINK, database=database, key=b"numbers")
    assert b"numbers" in database.data
    assert all(key.startswith(b"numbers") for key in database.data)

    drawn = []
    run(numbers, test, examples=50, seed=1, phases=(Phase.reuse,), database=database, key=b"numbers")
    assert drawn[0] == 100
