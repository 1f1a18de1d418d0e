"""Parameters and unfinished runs on disk: one ``.npz`` file of plain arrays, written whole or not at all.

A checkpoint is a tree: a dict of arrays, Python ints, floats and strings, and dicts of them. An entry's key in the file
is its path in the tree: ``params/W1``, ``optimizer/velocity/W1``, ``history/loss``.
"""

import os
from collections.abc import Iterator, Mapping
from io import BufferedReader
from typing import Any, TypeAlias

import numpy as np

from handgrad.arrays.namespace import Array
from handgrad.files.atomic import atomic_write
from handgrad.files.npz import read_npz

__all__ = ["Tree", "load_checkpoint", "load_params", "save_checkpoint", "save_params"]

#: A dict of arrays, Python ints, floats and strings, and dicts of them.
Tree: TypeAlias = dict[str, Any]

_FORMAT = "handgrad"  # the key under which a file says that it is ours, of which version, and of how many entries
_VERSION = 1
_DEPTH = 20  # of dicts in dicts: a run has two; without a bound a name of 64 KB would be thousands


def save_checkpoint(path: str | os.PathLike[str], tree: Mapping[str, Any]) -> None:
    """Write ``tree`` to ``path``, so that at every moment the file there is the old one or the new one, entire.

    Parameters
    ----------
    path : str or path
        Where the file goes, in an existing directory; by custom its name ends in ``.npz``.
    tree : dict
        Arrays, ints, floats and strings, and dicts of them, empty ones excepted, at most 20 deep. Keys are strings
        without ``"/"``.

    Raises
    ------
    OSError
        If the file cannot be written; what was there before is left as it was.
    ValueError
        If the tree holds anything else, or ``path`` is there and no file.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from handgrad.training.checkpoints import load_checkpoint, save_checkpoint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "run.npz")
    ...     save_checkpoint(path, {"iteration": 3, "params": {"b1": np.zeros(2)}})
    ...     load_checkpoint(path)
    {'iteration': 3, 'params': {'b1': array([0., 0.])}}

    References
    ----------
    The NPY format, NumPy enhancement proposal 1, whose files an ``.npz`` is a zip archive of.
    """
    arrays = dict(flatten(tree))
    with atomic_write(path) as file:
        np.savez(file, **{_FORMAT: np.array([_VERSION, len(arrays)])}, **arrays)  # type: ignore[arg-type]


def load_checkpoint(path: str | os.PathLike[str]) -> Tree:
    """Return the tree that :func:`save_checkpoint` wrote to ``path``. No code in the file is ever run.

    However it is made up, no more memory is taken than a small multiple of its size.

    Raises
    ------
    OSError
        If the file is not there or cannot be read.
    ValueError
        If it is not a checkpoint, is damaged or cut short, or is of a version that this one cannot read.

    Examples
    --------
    See :func:`save_checkpoint`.

    References
    ----------
    The NPY format, NumPy enhancement proposal 1, whose files an ``.npz`` is a zip archive of.
    """
    with open(path, "rb") as file:
        try:
            return _read(file)
        except Exception as error:  # a damaged file makes zipfile and NumPy raise a dozen kinds of them
            reason = str(error) or type(error).__name__
            raise ValueError(f"{path} is not a checkpoint of handgrad, or is damaged: {reason}") from error


def save_params(path: str | os.PathLike[str], params: Mapping[str, Array]) -> None:
    """Write the parameters to ``path``, as :func:`save_checkpoint` does.

    Parameters
    ----------
    path : str or path
        Where the file goes, in an existing directory; by custom its name ends in ``.npz``.
    params : dict of arrays

    Raises
    ------
    OSError, ValueError
        As :func:`save_checkpoint`.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from handgrad.training.checkpoints import load_params, save_params
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "params.npz")
    ...     save_params(path, {"W1": np.ones((1, 2)), "b1": np.zeros(2)})
    ...     load_params(path)
    {'W1': array([[1., 1.]]), 'b1': array([0., 0.])}

    References
    ----------
    The NPY format, NumPy enhancement proposal 1, whose files an ``.npz`` is a zip archive of.
    """
    save_checkpoint(path, {"params": dict(params)})


def load_params(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Return the parameters in ``path``, which :func:`save_params` or a run with a checkpoint wrote.

    Raises
    ------
    OSError, ValueError
        As :func:`load_checkpoint`, and if there are no parameters in it.

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
    The NPY format, NumPy enhancement proposal 1, whose files an ``.npz`` is a zip archive of.
    """
    params = load_checkpoint(path).get("params")
    if not isinstance(params, dict):
        raise ValueError(f"{path} holds no parameters")
    return params


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Yield each entry of the tree with its path."""
    for key, value in tree.items():
        if not isinstance(key, str) or not key or "/" in key:
            raise ValueError(f"a checkpoint's keys are strings without '/', given {key!r}")
        if isinstance(value, Mapping):
            if prefix.count("/") == _DEPTH:
                raise ValueError(f"a checkpoint has dicts in dicts at most {_DEPTH} deep, given more at {prefix}{key}")
            yield from flatten(value, f"{prefix}{key}/")
            continue
        a = np.asarray(value)
        if a.dtype.kind not in "biufU":
            raise ValueError(f"a checkpoint holds numbers and strings, given {type(value).__name__} for {prefix}{key}")
        yield prefix + key, a


def _read(file: BufferedReader) -> Tree:
    arrays = read_npz(file)
    if _FORMAT not in arrays:
        raise ValueError(f"it has no entry {_FORMAT!r}")
    version, entries = arrays.pop(_FORMAT).tolist()
    if version != _VERSION:
        raise ValueError(f"its version is {version}, expected {_VERSION}")
    if entries != len(arrays):  # no checksum covers a zip file's table of contents
        raise ValueError(f"it has {len(arrays)} entries, expected {entries}")
    tree: Tree = {}
    for name, a in arrays.items():
        *folders, leaf = name.split("/")
        if "" in (*folders, leaf) or len(folders) > _DEPTH:
            raise ValueError(f"its entry {name[:80]!r} expected keys in at most {_DEPTH} dicts, one in the other")
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        if leaf in node:
            raise ValueError(f"its entry {name[:80]!r} is an array and a dict")
        node[leaf] = a if a.shape else a.item()
    return tree
