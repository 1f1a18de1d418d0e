"""Malformed files for every reader: valid files, mutations that keep some of their structure, and bombs.

A reader may return the contents of a file, or refuse it with a ValueError that begins with the file's name. ``check``
finds anything else: another exception, exhausted memory, a warning, a long wait; after ``forbid_side_effects``, also
any attempt to run, write or send something. ``python -m tests.tools.fuzz`` searches for files that fail it.
"""

import contextlib
import gzip
import io
import json
import pickle
import pickletools
import random
import struct
import sys
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.cells import cell_len
from rich.console import Console

from handgrad import NonFiniteError, TrainingDiverged, exponential_decay, fit, init_params, sgd, two_layer
from handgrad.datasets import digits, mnist
from handgrad.datasets.cifar10 import _read_batch
from handgrad.training.checkpoints import load_checkpoint, load_params
from oracle.campaigns.campaign import Campaign, Plan
from oracle.campaigns.campaign import _read as read_campaign
from oracle.campaigns.database import FailureDatabase
from oracle.campaigns.table import Result, report
from oracle.rounding.bounds import Comparison

SECONDS = 10  # CPU time that a reader may take for one file
RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Reader:
    """A function ``read(path)``, and what is needed to test it.

    ``seeds(folder)`` writes the files that must lie beside it and returns valid contents; ``mutate`` changes contents.
    """

    name: str
    seeds: Callable[[Path], list[bytes]]
    read: Callable[[Path], Any]
    mutate: Callable[[bytes, random.Random], bytes]


class Fault(AssertionError):
    """A reader did something that it must never do."""


def check(reader: Reader, path: Path, content: bytes) -> bool:
    """Return True if the reader accepts the file, False if it refuses it properly; raise Fault otherwise."""
    path.write_bytes(content)
    started = time.process_time()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DeprecationWarning)  # from Python's parser, about '\\x'; hidden by default
            with _side_effects_forbidden():
                reader.read(path)
        accepted = True
    except (NonFiniteError, TrainingDiverged):  # a valid run with unusable numbers
        accepted = False
    except ValueError as error:
        if isinstance(error.__cause__, MemoryError | Warning):
            raise Fault(f"{type(error.__cause__).__name__} behind: {error}") from error
        place, _, reason = str(error).partition(str(path))
        if place not in ("", "cannot resume from ") or not reason.rpartition(":")[2].strip():
            raise Fault(f"a message without the file or the reason: {str(error)[:300]}") from error
        accepted = False
    except Exception as error:
        raise Fault(f"{type(error).__name__}: {str(error)[:300]}") from error
    if (took := time.process_time() - started) > SECONDS:
        raise Fault(f"{took:.1f} s")
    return accepted


# audit events that a reader must not cause; Python's audit hooks cannot be removed once added
_FORBIDDEN = ("compile", "exec", "import", "pickle.", "os.", "shutil.", "subprocess.", "socket.", "ctypes.", "code.")
_reading = False


def forbid_side_effects() -> None:
    """Make it a Fault, from now on, if a reader causes any of these events or opens a file for writing."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        global _reading
        writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        if _reading and (event.startswith(_FORBIDDEN) or writes):
            _reading = False
            raise Fault(f"{event} {arguments}")

    sys.addaudithook(hook)


@contextlib.contextmanager
def _side_effects_forbidden() -> Iterator[None]:
    global _reading
    _reading = True
    try:
        yield
    finally:
        _reading = False


# ---- npz: digits, checkpoints, runs --------------------------------------------------------------------------------


def npz(entries: list[tuple[str, bytes]], packed: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip file of these entries, with correct checksums."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", packed) as archive:
        warnings.simplefilter("ignore")  # about two entries with one name
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content, packed)
    return out.getvalue()


def npy(descr: str = "'<f8'", shape: str = "(1,)", order: str = "False", data: bytes = bytes(8)) -> bytes:
    """Return an array in the format of ``np.save``, with any header."""
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) & 0xFFFF) + header.encode("latin-1") + data


DESCR = [
    "'<f8'", "'>f8'", "'|O'", "'O'", "'<U0'", "'<U1'", "'<U4294967295'", "'|V8'", "'<M8[ns]'", "'<f77'", "'<f2'",
    "'|b1'", "'<i8'", "'|S9'", "[('a', '<f8')]", "[('a', '|O')]", "'(9999,9999)f8'", "1", "",
    "__import__('os').abort()", "-" * 9000,
]  # fmt: skip
SHAPE = [
    "(1,)", "()", "(0,)", "(1099511627776,)", "(-1,)", "(-2, -4)", "(0, 1099511627776)", "(18446744073709551616,)",
    "(1, 1, 1)", "(" + "1, " * 65 + ")", "(" + "9" * 5000 + ",)", "[1]", "(1.0,)", "(True,)", "(" * 9000,
    "(4294967296, 4294967296)",
]  # fmt: skip
NAMES = [
    "", "/", "a/" * 30000 + "b.npy", "handgrad.npy", "params.npy", "params/W1.npy", "params/W1/b.npy",
    "optimizer/step.npy", "x", "../../out.npy", "\0", "rng.npy", "iteration.npy", "images.npy",
]  # fmt: skip
INTEGERS = [-1, 0, 1, 2, 3, 625, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, -(2**63), 2**64, 10**30, -(10**9)]
TEXTS = ["", "[" * 50000, '{"a":' * 20000, "9" * 5000, "null", "{}", "[]", "NaN", '"\\ud800"', "{", '{"state": 1}']


def saved(value: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, value)
    return out.getvalue()


def mutate_npz(content: bytes, rng: random.Random) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [(e.filename, archive.read(e)) for e in archive.infolist()]
        at = rng.randrange(len(entries))
    except Exception:
        return flip(content, rng)
    (name, array), packed = entries[at], zipfile.ZIP_STORED
    match rng.randrange(10):
        case 0:
            array = npy(rng.choice(DESCR), rng.choice(SHAPE), rng.choice(["False", "True", "1"]), array[128:])
        case 1:
            array = array[:10] + flip(array[10:128], rng) + array[128:]
        case 2:
            array = flip(array, rng)
        case 3:
            name = rng.choice(NAMES)
        case 4:
            array = saved(rng.choice([*map(float, range(3)), *filter(lambda n: abs(n) < 2**63, INTEGERS), np.nan]))
        case 5:
            array = saved(rng.choice(TEXTS))
        case 6:
            array = saved(mutate_json(array[128:].decode("utf-32", "ignore"), rng))
        case 7:
            packed = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
        case 8:
            entries.append(entries[rng.randrange(len(entries))])
        case 9:
            return flip(content, rng)
    entries[at] = name, array
    return npz(entries, packed)


def mutate_json(text: str, rng: random.Random) -> str:
    """Return a JSON text with one entry changed, at any depth."""
    try:
        tree = json.loads(text)
        places, inside = [], [tree]
        for inner in inside:
            for key in inner if isinstance(inner, dict) else range(min(len(inner), 5)):
                places.append((inner, key))
                inside += [inner[key]] if isinstance(inner[key], dict | list) else []
        if not places:
            return rng.choice(TEXTS)
        inner, key = rng.choice(places)
        inner[key] = rng.choice([*INTEGERS, None, "", [], {}, [1] * 700, 0.5, True])
        return json.dumps(tree)
    except Exception:
        return rng.choice(TEXTS)


# ---- idx -----------------------------------------------------------------------------------------------------------


def idx(shape: tuple[int, ...], data: bytes = b"", dtype: int = 8) -> bytes:
    return struct.pack(f">4B{len(shape)}I", 0, 0, dtype, len(shape), *shape) + data


def mutate_idx(content: bytes, rng: random.Random) -> bytes:
    with contextlib.suppress(Exception):
        content = gzip.decompress(content)
    match rng.randrange(4):
        case 0:  # one of the lengths
            at = 4 + 4 * rng.randrange(3)
            content = content[:at] + struct.pack(">I", rng.choice(INTEGERS) % 2**32) + content[at + 4 :]
        case 1:
            content = bytes([0, 0, rng.randrange(7, 16), rng.randrange(256)]) + content[4:]
        case 2:
            content = idx(
                tuple(rng.choice([0, 1, 2, 28, 2**16, 2**32 - 1]) for _ in range(rng.randrange(70))), content[16:]
            )
        case 3:
            content = flip(content, rng)
    match rng.randrange(5):
        case 0:
            return gzip.compress(content, rng.randrange(10))
        case 1:
            half = rng.randrange(len(content) + 1)
            return gzip.compress(content[:half]) + gzip.compress(b"") * rng.randrange(3) + gzip.compress(content[half:])
        case 2:
            return flip(gzip.compress(content), rng)
        case _:
            return content


# ---- pickles -------------------------------------------------------------------------------------------------------

SNIPPETS = [
    b"cos\nsystem\n", b"cbuiltins\neval\n", b"cbuiltins\nexec\n", b"cbuiltins\ngetattr\n", b"cnumpy\nload\n",
    b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy.testing._private.utils\nrunstring\n",
    b"ccopyreg\n_reconstructor\n", b"\x8c\x02os\x8c\x06system\x93", b"\x8c\x05numpy\x8c\x10ndarray.__init__\x93",
    b"\x8c\x04echo\x85R", b"(S'echo'\nios\nsystem\n", b"o", b"\x81", b"\x92", b"\x82\x01", b"\x83\x01\x00",
    b"\x84\x01\x00\x00\x00", b"Pid\n", b"Q", b"R", b"b", b"s", b"u", b"a", b"e", b"t", b"(", b"0", b"1", b"2", b"}",
    b"]", b")", b"\x85", b"\x86", b"\x87", b"\x88", b"N", b"\x94", b"q\x00", b"r\xff\xff\xff\x7f", b"h\x00",
    b"j\xff\xff\xff\x7f", b"K\x00", b"J\xff\xff\xff\xff", b"\x8a\x09" + b"\xff" * 8 + b"\x7f",
    b"\x8b\xff\xff\xff\x7f", b"\x95" + b"\xff" * 7 + b"\x7f", b"\x8e" + b"\xff" * 7 + b"\x7f", b"X\xff\xff\xff\x7f",
    b"\x97", b"\x98", b"\x8f", b"\x91", b".", b"I1\n", b"L1L\n", b"F1\n", b"G\x7f\xf0\0\0\0\0\0\0", b"V\\ud800\n",
    b"S'\\x'\n", b"\x80\xff", b"g0\n", b"p0\n", b"d", b"l",
]  # fmt: skip


def mutate_pickle(content: bytes, rng: random.Random) -> bytes:
    places = [0]
    with contextlib.suppress(Exception):
        places += [at for _, _, at in pickletools.genops(content) if at is not None]
    at = rng.choice(places)
    match rng.randrange(5):
        case 0:
            return content[:at] + rng.choice(SNIPPETS) + content[at:]
        case 1:  # in place of an instruction
            return content[:at] + rng.choice(SNIPPETS) + content[min([p for p in places if p > at], default=at) :]
        case 2:
            other = rng.choice(places)
            return content[:at] + content[other:]
        case 3:
            head = min(len(content), 400)
            return flip(content[:head], rng) + content[head:]
        case _:
            return content[:at] + rng.choice(SNIPPETS) * rng.choice([1, 2, 1000]) + content[at:]


def flip(content: bytes, rng: random.Random) -> bytes:
    """Return the bytes with some of them changed, inserted, deleted or repeated."""
    if not content:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(20)))
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at, n = rng.randrange(len(changed) + 1), rng.choice([1, 2, 4, 8, 64])
        match rng.randrange(6):
            case 0 | 1:
                changed[at : at + 1] = bytes([rng.randrange(256)])
            case 2:
                changed[at : at + n] = rng.choice(INTEGERS).to_bytes(16, rng.choice(["little", "big"]), signed=True)[
                    -n:
                ]
            case 3:
                del changed[at : at + n]
            case 4:
                changed[at:at] = changed[at : at + n]
            case 5:
                del changed[at:]
    return bytes(changed)


# ---- the readers ---------------------------------------------------------------------------------------------------

_X, _Y = RNG.standard_normal((8, 3)), RNG.integers(0, 2, 8)
_PARAMS = init_params([3, 4, 2], rng=RNG)
_OPTIMIZER = sgd(exponential_decay(0.1, rate=0.5, every=3), momentum=0.9)


def _train(generator: Any, iterations: int, **files: Any) -> Any:
    rng = np.random.Generator(generator(0))
    return fit(two_layer, _PARAMS, _X, _Y, optimizer=_OPTIMIZER, batch_size=4, iterations=iterations, rng=rng, **files)


def _run(generator: Any) -> Callable[[Path], list[bytes]]:
    def seeds(folder: Path) -> list[bytes]:
        _train(generator, 3, checkpoint=folder / "run.npz")
        return [(folder / "run.npz").read_bytes()]

    return seeds


def _load(path: Path) -> None:
    load_checkpoint(path)
    with contextlib.suppress(ValueError):  # for a checkpoint without parameters
        load_params(path)


def _digits(path: Path) -> None:
    with patch.dict(digits.__globals__, __file__=str(path)):
        X, y = digits()
    assert (X.shape, y.shape) == ((1797, 64), (1797,))


def _mnist_files(name: str) -> Callable[[Path], list[bytes]]:
    """Return a function that writes the files of MNIST, with two examples each, and returns this one's contents."""

    def seeds(folder: Path) -> list[bytes]:
        for part in ("train", "t10k"):
            (folder / f"{part}-images-idx3-ubyte").write_bytes(images := idx((2, 28, 28), RNG.bytes(2 * 784)))
            (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels := idx((2,), b"\x03\x09"))
        content = images if "images" in name else labels
        return [content, gzip.compress(content)]

    return seeds


def _batches(form: str) -> Callable[[Path], list[bytes]]:
    def seeds(folder: Path) -> list[bytes]:
        X, y = RNG.integers(0, 256, (1, 3072), np.uint8), [7]
        batch = {b"batch_label": b"one", b"labels": y, b"data": X, b"filenames": [b"cat.png"]}
        return [bytes(y) + X.tobytes()] if form else [pickle.dumps(batch, protocol) for protocol in (2, 3, 4, 5)]

    return seeds


def _cifar10(path: Path) -> None:
    X, y = _read_batch(str(path))  # one of the six files: reading the others would take most of the time
    assert X.shape == (len(y), 3072)
    assert set(y.tolist()) <= set(range(10))


def _mnist(path: Path) -> None:
    for X, y in (read := mnist(path.parent))[:2], read[2:]:
        assert X.shape == (len(y), 784)


def _campaigns(folder: Path) -> list[bytes]:
    plan = Plan(("relu", "affine"), 250, seed=1)
    campaign = Campaign(plan, FailureDatabase(str(folder)), folder / "campaign.json")
    failure = "float64", ("dz[0, 1] is 2.0, expected 1.0",), "z = …"
    for number, finished in (0, True), (2, True), (1, False):
        row = Result("relu", 40 * number, 0, 0.5, Comparison("dz", (0, 1), 2.0, 1.9, 0.3), failure if number else None)
        campaign.record(plan.shard("relu", number, row), row, finished=finished)
    campaign.save()
    return [(folder / "campaign.json").read_bytes()]


cell_len("字")  # makes rich import a table, before imports are forbidden


def _campaign(path: Path) -> None:
    saved = read_campaign(path)  # as Campaign does, before it writes the file
    report([tally.all for tally in saved["tallies"].values()], Console(file=io.StringIO()), saved["seconds"])


def _mutate_campaign(content: bytes, rng: random.Random) -> bytes:
    return flip(content, rng) if rng.random() < 0.3 else mutate_json(content.decode("utf-8", "ignore"), rng).encode()


#: By folder and name of the malformed file.
READERS: dict[str, Reader] = {
    name: Reader(name.rpartition("/")[2], *rest)
    for name, *rest in [
        ("digits/digits.npz", lambda folder: [DIGITS.read_bytes()], _digits, mutate_npz),
        ("checkpoint/run.npz", _run(np.random.PCG64), _load, mutate_npz),
        ("resume/run.npz", _run(np.random.PCG64), lambda path: _train(np.random.PCG64, 4, resume=path), mutate_npz),
        (
            "resume-mt19937/run.npz",
            _run(np.random.MT19937),
            lambda p: _train(np.random.MT19937, 4, resume=p),
            mutate_npz,
        ),
        ("resume-philox/run.npz", _run(np.random.Philox), lambda p: _train(np.random.Philox, 4, resume=p), mutate_npz),
        ("mnist/t10k-images-idx3-ubyte", _mnist_files("images"), _mnist, mutate_idx),
        ("mnist-labels/t10k-labels-idx1-ubyte", _mnist_files("labels"), _mnist, mutate_idx),
        ("cifar10/test_batch", _batches(""), _cifar10, mutate_pickle),
        ("cifar10-binary/test_batch.bin", _batches(".bin"), _cifar10, flip),
        ("campaign/campaign.json", _campaigns, _campaign, _mutate_campaign),
    ]
}
DIGITS = Path(digits.__code__.co_filename).with_name("digits.npz")


# ---- bombs ---------------------------------------------------------------------------------------------------------


def _zeros(n: int) -> bytes:
    """Return the beginning of a deflated stream of n times 16 MiB of zeros."""
    packer = zlib.compressobj(9, wbits=-15)
    return (packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)) * n


def _gz(start: bytes, n: int) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    begin = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + begin + _zeros(n) + b"\x03\0" + bytes(8)


def _deflated(n: int) -> bytes:
    """Return a checkpoint's zip file with an entry that decompresses to n times 16 MiB, less a byte."""
    packed = _zeros(n) + b"\x03\0"
    content = bytearray(npz([("handgrad.npy", saved([1, 1])), ("a.npy", packed)]))
    for signature, at in (b"PK\x03\x04", 8), (b"PK\x01\x02", 10):  # the method and, 14 bytes later, the length
        start = content.rindex(signature)
        content[start + at : start + at + 2] = struct.pack("<H", zipfile.ZIP_DEFLATED)
        content[start + at + 14 : start + at + 18] = struct.pack("<I", n * 2**24 - 1)
    return bytes(content)


def _overlapping() -> bytes:
    """Return a zip file of sixty thousand entries that share the same 1 MB."""
    one = npz([("a.npy", npy(shape="(131072,)", data=bytes(2**20)))])
    at = one.index(b"PK\x01\x02")
    entry, n = one[at : one.index(b"PK\x05\x06")], 60_000
    return one[:at] + entry * n + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, n, n, n * len(entry), at, 0)


def _with(name: str, content: bytes) -> bytes:
    return npz([("handgrad.npy", saved([1, 1])), (name, content)])


_M61 = 2**61 - 1  # the hash of an integer is its remainder modulo this
BOMBS: dict[tuple[str, str], Callable[[], bytes]] = {
    ("mnist/t10k-images-idx3-ubyte", "40 bytes that claim 2^40 images"): lambda: idx((2**31, 2**9, 1), bytes(24)),
    ("mnist/t10k-images-idx3-ubyte", "4 GiB in 4 MB, as claimed"): lambda: _gz(idx((2**32 // 784, 28, 28)), 256),
    ("mnist/t10k-images-idx3-ubyte", "4 GiB in 4 MB, two images claimed"): lambda: _gz(idx((2, 28, 28)), 256),
    ("mnist-labels/t10k-labels-idx1-ubyte", "4 GiB in 4 MB, as claimed"): lambda: _gz(idx((2**32 - 1,)), 256),
    ("mnist/t10k-images-idx3-ubyte", "255 dimensions of 2^32"): lambda: idx((2**32 - 1,) * 255, bytes(9)),
    ("checkpoint/run.npz", "a deflated entry of 4 GiB"): lambda: _deflated(256),
    ("checkpoint/run.npz", "sixty thousand entries that share their bytes"): _overlapping,
    ("checkpoint/run.npz", "a header that claims 8 TiB"): lambda: _with("a.npy", npy(shape="(1099511627776,)")),
    ("checkpoint/run.npz", "a string that claims 2^40 characters"): lambda: _with(
        "a.npy", npy("'<U0'", "(1099511627776,)", data=b"")
    ),
    ("checkpoint/run.npz", "a header of 9,000 minus signs"): lambda: _with("a.npy", npy("-" * 9000)),
    ("checkpoint/run.npz", "a header of 9,000 brackets"): lambda: _with("a.npy", npy("[" * 9000)),
    ("checkpoint/run.npz", "only the header of an array, not a zip file"): lambda: npy(shape="(8589934592,)"),
    ("checkpoint/run.npz", "30,000 nested dicts"): lambda: _with("a/" * 30000 + "b.npy", npy()),
    ("cifar10/test_batch", "ten million lists"): lambda: b"\x80\x02" + b"]" * 10**7 + b".",
    ("cifar10/test_batch", "ten million nested tuples"): lambda: b"\x80\x02N" + b"\x85" * 10**7 + b".",
    ("cifar10/test_batch", "a memo of ten million"): lambda: b"\x80\x02N" + b"\x94" * 10**7 + b".",
    ("cifar10/test_batch", "keys with the same hash"): lambda: (
        b"\x80\x02}" + b"".join(b"\x8a\x0b" + (k * _M61).to_bytes(11, "little") + b"Ns" for k in range(90_000)) + b"."
    ),
    ("cifar10/test_batch", "keys with the same hash, in one instruction"): lambda: (
        b"\x80\x02}("
        + b"".join(b"\x8a\x0b" + (k * _M61).to_bytes(11, "little") + b"N" for k in range(140_000))
        + b"u."
    ),
    ("cifar10/test_batch", "a frame of 2^63"): lambda: b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f}.",
    ("cifar10/test_batch", "a list that doubles sixty times"): lambda: (
        b"\x80\x02]N" + b"a" + b"q\x00(h\x00h\x00e" * 60 + b"."
    ),
    ("cifar10/test_batch", "an array of 2^40 images"): lambda: pickle.dumps(
        {b"labels": [1], b"data": _Forged((1, (2**40, 3072), np.dtype("u1"), False, b""))}, 2
    ),
    ("cifar10/test_batch", "an array of objects"): lambda: pickle.dumps(
        {b"labels": [1], b"data": _Forged((1, (1, 3072), np.dtype("O"), False, [None] * 3072))}, 2
    ),
    ("cifar10/test_batch", "an array of minus one image"): lambda: pickle.dumps(
        {b"labels": [], b"data": _Forged((1, (-1, 3072), np.dtype("u1"), False, b""))}, 2
    ),
    ("cifar10/test_batch", "objects at an address that the file chooses"): lambda: pickle.dumps(
        {b"labels": [1], b"data": _Forged((1, (384,), np.dtype("O"), False, b"A" * 3072))}, 2
    ),
    ("resume/run.npz", "not a zip file but a number of 10 MB"): lambda: b"9" * 10**7,
}  # fmt: skip


class _Forged:
    """An object whose pickle is that of an array with this state."""

    def __init__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def __reduce__(self) -> tuple[Any, ...]:
        reconstruct, arguments, _ = np.zeros(1, np.uint8).__reduce__()  # type: ignore[misc]
        return reconstruct, arguments, self.state
