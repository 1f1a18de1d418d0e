"""Golden vectors: problems with exact losses and gradients, in files that any language can read.

Every number is written in hexadecimal, as C's ``%a`` does, so that it is read back to the last bit: ``strtod`` in C,
``f64::from_str`` after a crate's help in Rust, ``float.fromhex`` in Python. The answers are rounded once, from 60
digits. The bound on each entry is the oracle's: how far a correct program may be off on this very problem.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from oracle.gradients import autodiff, exact
from oracle.strategies.networks import NetworkProblem, network_problems
from oracle.strategies.runner import collect

__all__ = ["SCHEMA", "write"]

_ARRAY = {
    "type": "object",
    "required": ["shape", "data"],
    "properties": {
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "data": {"type": "array", "items": {"type": "string", "pattern": "^-?0x[01]\\.[0-9a-f]+p[+-][0-9]+$"}},
    },
    "additionalProperties": False,
}
_ARRAYS = {"type": "object", "additionalProperties": {"$ref": "#/$defs/array"}}

#: The JSON schema of one problem.
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A problem with exact answers",
    "description": "Arrays are row-major, their numbers hexadecimal floats. loss = mean cross-entropy + reg/2 sum W^2.",
    "type": "object",
    "required": ["network", "dtype", "params", "X", "y", "reg", "loss", "gradients", "loss_bound", "bounds"],
    "properties": {
        "network": {"type": "string"},
        "activation": {"type": "array", "items": {"type": "string"}},
        "dtype": {"enum": ["float32", "float64"]},
        "params": _ARRAYS,
        "X": {"$ref": "#/$defs/array"},
        "y": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "reg": {"$ref": "#/$defs/number"},
        "loss": {"$ref": "#/$defs/number"},
        "gradients": _ARRAYS,
        "loss_bound": {"$ref": "#/$defs/number"},
        "bounds": _ARRAYS,
    },
    "additionalProperties": False,
    "$defs": {"array": _ARRAY, "number": {"type": "string", "pattern": "^-?0x[01]\\.[0-9a-f]+p[+-][0-9]+$"}},
}


def write(
    out: Any,
    network: str = "two_layer",
    *,
    count: int = 100,
    seed: int = 0,
    dtype: Any = np.float64,
    activation: Sequence[str] | None = None,
) -> int:
    """Write problems into a new folder, each as ``000.json`` and ``000.npz``, and return how many.

    The folder appears when it is whole. Next to the problems are ``schema.json`` and ``SHA256SUMS``, for
    ``sha256sum --check``.

    Raises
    ------
    FileExistsError
        If the folder exists.
    ValueError
        If an mlp is asked for and no activation given.
    """
    target = Path(out)
    if target.exists():
        raise FileExistsError(f"{target} must be the name of a new folder, got one that exists")
    if network == "mlp" and activation is None:
        raise ValueError("activation must name the hidden activations of an mlp: --activation tanh relu")
    staging = Path(tempfile.mkdtemp(dir=target.absolute().parent, prefix=f".{target.name}."))
    try:
        problems = _draw(network, count, seed, np.dtype(dtype).type, activation)
        with Progress(console=Console(stderr=True), transient=True) as progress:
            for i, problem in enumerate(progress.track(problems, description="exact arithmetic")):
                _write(staging, f"{i:03d}", problem)
        (staging / "schema.json").write_text(json.dumps(SCHEMA, indent=2) + "\n")
        sums = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in sorted(staging.iterdir())]
        (staging / "SHA256SUMS").write_text("".join(sums))
        staging.chmod(0o755)
        os.rename(staging, target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return len(problems)


def _draw(network: str, count: int, seed: int, dtype: Any, activation: Sequence[str] | None) -> list[NetworkProblem]:
    """Return problems of which both answers and bounds are finite, integers and layouts left out."""
    found: list[NetworkProblem] = []
    strategy = network_problems(network, dtype, activation=None if activation is None else tuple(activation))
    while len(found) < count:
        seed += 1
        for problem in collect(strategy, examples=count, seed=seed):
            plain = problem.map_arrays(np.ascontiguousarray)
            found.append(replace(plain, X=plain.X.astype(dtype), y=plain.y.astype(np.int64)))
    return found[:count]


def _write(folder: Path, name: str, problem: NetworkProblem) -> None:
    bound = autodiff.answers(problem).bound
    truth = {key: np.asarray(a, float) for key, a in exact.answers(problem).items() if key != "X"}
    gradients = {key: a for key, a in truth.items() if key in problem.named_params}
    record = {
        "network": problem.name,
        **({"activation": list(problem.kwargs["activation"])} if "activation" in problem.kwargs else {}),
        "dtype": str(problem.dtype),
        "params": {key: _array(a) for key, a in problem.named_params.items()},
        "X": _array(problem.X),
        "y": problem.y.tolist(),
        "reg": float(problem.reg).hex(),
        "loss": float(truth["loss"]).hex(),
        "gradients": {key: _array(gradients[key]) for key in problem.named_params},
        "loss_bound": float(bound["loss"]).hex(),
        "bounds": {key: _array(bound[key]) for key in problem.named_params},
    }
    (folder / f"{name}.json").write_text(json.dumps(record) + "\n")
    arrays: dict[str, Any] = {**problem.named_params, "X": problem.X, "y": problem.y, "reg": problem.reg}
    arrays |= {"loss": truth["loss"], "loss_bound": bound["loss"]}
    arrays |= {f"d{key}": g for key, g in gradients.items()}
    arrays |= {f"bound_d{key}": bound[key] for key in problem.named_params}
    np.savez(folder / f"{name}.npz", **arrays)


def _array(a: NDArray[Any]) -> dict[str, Any]:
    return {"shape": list(a.shape), "data": [float(x).hex() for x in a.ravel()]}
