"""``python -m oracle check``: check your own gradient and name its mistakes."""

import argparse
import contextlib
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from oracle.commands import positive

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    check = commands.add_parser(
        "check",
        help="check a gradient of your own, and be told what is wrong with it",
        description="Checks a function (params, X, y, reg) -> (loss, grads) of yours and prints a verdict. It runs "
        "your code, with all that you may do: check only what you would run. Exits with 0 if it is right, 1 if it is "
        "wrong, and 2 if it could not be run.",
        epilog="example: python -m oracle check homework.py:loss_and_grad --against two_layer --html report.html",
    )
    check.add_argument("candidate", metavar="MODULE:FUNCTION", help="a module or a .py file, and the function in it")
    check.add_argument(
        "--against",
        required=True,
        metavar="TRUTH",
        help="softmax_classifier, two_layer, three_layer, mlp, the name of a rule, or MODULE:FUNCTION, a loss in JAX",
    )
    check.add_argument("--activation", nargs="+", metavar="NAME", help="the hidden activations of an mlp")
    check.add_argument("--examples", type=positive, default=100, metavar="N", help="problems (default: 100)")
    check.add_argument("--seed", type=int, default=0, metavar="S", help="(default: 0)")
    check.add_argument("--sum", action="store_true", help="your loss is a sum over the batch, not a mean")
    check.add_argument("--no-half", action="store_true", help="your penalty is reg Σ W², without the ½")
    check.add_argument("--penalise-biases", action="store_true", help="your penalty has the biases in it")
    check.add_argument("--html", metavar="FILE", help="write the verdict as a page as well")
    check.add_argument("--json", action="store_true", help="print the verdict as JSON")
    check.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from oracle import Conventions, check

    try:
        candidate = _load(options.candidate)
        truth = _load(options.against) if ":" in options.against else options.against
        conventions = Conventions(not options.sum, not options.no_half, options.penalise_biases)
        verdict = check(
            candidate,
            truth,
            examples=options.examples,
            seed=options.seed,
            activation=options.activation,
            conventions=None if conventions == Conventions() else conventions,
        )
        if options.html:
            verdict.to_html(options.html)
    except KeyboardInterrupt:
        print("python -m oracle check: interrupted", file=sys.stderr)
        return 130
    except (ImportError, OSError, TypeError, ValueError) as error:
        print(f"python -m oracle check: error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(verdict.to_json(), indent=2, allow_nan=True) if options.json else verdict)
    return int(not verdict.ok)


def _load(text: str) -> Callable[..., Any]:
    """Return the function that MODULE:FUNCTION or FILE.py:FUNCTION names."""
    place, _, name = text.rpartition(":")
    if not place or not name:
        raise ValueError(f"CANDIDATE and TRUTH must be MODULE:FUNCTION, got {text!r}")
    try:
        found = _run_file(Path(place)) if place.endswith(".py") else _import(place)
    except ImportError:
        raise
    except Exception as error:  # whatever the user's module raises
        raise ImportError(f"{place} could not be imported: {type(error).__name__}: {error}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise ImportError(f"{place} has no {name}")
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def _run_file(path: Path) -> Any:
    """Return the module in that very file, whatever else has its name, and leave no ``__pycache__`` beside it."""
    if not path.is_file():
        raise ImportError(f"there is no file {path}")
    module = ModuleType(path.stem)
    module.__file__ = str(path.absolute())
    known = sys.modules.setdefault(path.stem, module)  # where dataclasses look for it, and the files beside it
    if known is not module and getattr(known, "__file__", None) == module.__file__:
        return known  # FUNCTION and TRUTH are in the same file
    with _last_on_the_path(path.parent):
        exec(compile(path.read_bytes(), path, "exec"), module.__dict__)
    return module


def _import(name: str) -> Any:
    with _last_on_the_path(Path()):
        return importlib.import_module(name)


@contextlib.contextmanager
def _last_on_the_path(folder: Path) -> Iterator[None]:
    """Find what the user's code imports from beside it, and nothing else there: neither before others nor later on."""
    sys.path.append(str(folder.absolute()))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # as the user's code may have changed it
            sys.path.remove(str(folder.absolute()))
