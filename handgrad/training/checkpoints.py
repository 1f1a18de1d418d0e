"""Parameters and unfinished runs on disk: one ``.npz`` file of plain arrays, written completely or not at all.

A checkpoint is a tree: a dict of arrays, Python ints, floats and strings, and of such dicts. An entry's key in the file
is its path in the tree: ``params/W1``, ``optimizer/velocity/W1``, ``history/loss``.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from handgrad.arrays.namespace import Array
from handgrad.files.atomic import atomic_write
from handgrad.files.npz import read_npz
from handgrad.files.untrusted import open_untrusted

__all__ = ["Tree", "load_checkpoint", "load_params", "save_checkpoint", "save_params"]

#: A dict of arrays, Python ints, floats and strings, and of such dicts.
Tree: TypeAlias = dict[str, Any]

_FORMAT = "handgrad"  # the key of the entry [version, number of other entries], by which we know our files
_VERSION = 1
_MAX_DEPTH = 20  # of nested dicts: a run has two levels, and a name of 64 KB could make thousands


def save_checkpoint(path: str | os.PathLike[str], tree: Mapping[str, Any]) -> None:
    """Write ``tree`` to ``path``. At every moment the file is the complete old one or the complete new one.

    Parameters
    ----------
    path : str or path
        In an existing directory; by convention the name ends in ``.npz``.
    tree : dict
        Arrays, ints, floats and strings, and dicts of them, at most 20 levels deep; empty dicts are dropped. Keys are
        strings without ``"/"``.

    Raises
    ------
    OSError
        If the file cannot be written. The old file stays as it was.
    ValueError
        If the tree holds anything else, or ``path`` exists and is not a file.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from handgrad.training.checkpoints import load_checkpoint, save_checkpoint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "run.npz")
    ...     save_checkpoint(path, {"iteration": 3, "params": {"b1": np.zeros(2)}})
    ...     load_checkpoint(path)
    {'iteration': 3, 'params': {'b1': array([0., 0.])}}
    """
    arrays = dict(flatten(tree))
    with atomic_write(path) as file:
        np.savez(file, **{_FORMAT: np.array([_VERSION, len(arrays)])}, **arrays)  # type: ignore[arg-type]


def load_checkpoint(path: str | os.PathLike[str]) -> Tree:
    """Return the tree that :func:`save_checkpoint` wrote to ``path``. No code in the file is ever run.

    Memory stays within a small multiple of the file's size, whatever the file claims to hold.

    Raises
    ------
    OSError
        If the file does not exist or cannot be opened.
    ValueError
        If it is not a checkpoint, is damaged or cut short, or has a version that this release cannot read.
    """
    with open_untrusted(path, "is not a handgrad checkpoint or is damaged") as file:
        return _unflatten(read_npz(file))


def save_params(path: str | os.PathLike[str], params: Mapping[str, Array]) -> None:
    """Write a dict of parameters to ``path``, as :func:`save_checkpoint` does, with the same errors.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from handgrad import load_params, save_params
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "params.npz")
    ...     save_params(path, {"W1": np.ones((1, 2)), "b1": np.zeros(2)})
    ...     load_params(path)
    {'W1': array([[1., 1.]]), 'b1': array([0., 0.])}

    References
    ----------
    NumPy enhancement proposal 1, the NPY format; an ``.npz`` file is a zip archive of such files.
    """
    save_checkpoint(path, {"params": dict(params)})


def load_params(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Return the parameters in ``path``, written by :func:`save_params` or by a run with a checkpoint.

    Raises
    ------
    OSError, ValueError
        As :func:`load_checkpoint`, and if the file holds no parameters.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from handgrad import load_params, save_params
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.npz")
    ...     save_params(path, {"b1": np.zeros(2)})
    ...     load_params(path)
    {'b1': array([0., 0.])}

    References
    ----------
    As for :func:`save_params`.
    """
    params = load_checkpoint(path).get("params")
    if not isinstance(params, dict):
        raise ValueError(f"{path} holds no parameters")
    return params


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Yield the path and the array of each entry of the tree."""
    for key, value in tree.items():
        if not isinstance(key, str) or not key or "/" in key:
            raise ValueError(f"checkpoint keys must be strings without '/', got {key!r}")
        if isinstance(value, Mapping):
            if prefix.count("/") == _MAX_DEPTH:
                raise ValueError(f"checkpoint dicts must be at most {_MAX_DEPTH} deep, got more at {prefix}{key}")
            yield from flatten(value, f"{prefix}{key}/")
            continue
        a = np.asarray(value)
        if a.dtype.kind not in "biufU":
            raise ValueError(f"checkpoint entry {prefix}{key} must be numbers or strings, got {type(value).__name__}")
        yield prefix + key, a


def _unflatten(arrays: dict[str, Array]) -> Tree:
    if _FORMAT not in arrays:
        raise ValueError(f"it has no entry {_FORMAT!r}")
    version, count = arrays.pop(_FORMAT).tolist()
    if version != _VERSION:
        raise ValueError(f"its version must be {_VERSION}, got {version}")
    if count != len(arrays):  # no checksum covers a zip file's table of contents
        raise ValueError(f"it must have {count} entries, got {len(arrays)}")
    tree: Tree = {}
    for name, a in arrays.items():
        *folders, leaf = name.split("/")
        if "" in (*folders, leaf) or len(folders) > _MAX_DEPTH:
            raise ValueError(f"entry {name[:80]!r} must have non-empty keys at most {_MAX_DEPTH} levels deep")
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        if leaf in node:
            raise ValueError(f"entry {name[:80]!r} is both an array and a dict")
        node[leaf] = a if a.shape else a.item()
    return tree
