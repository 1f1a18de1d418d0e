import contextlib
import copyreg
import os
import pickle
import re
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handgrad.datasets.unpickling import unpickle

protocols = pytest.mark.parametrize("protocol", [2, 3, 4, 5])


class Call:
    """Pickle as a call of ``function``, whatever that is."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.call


def as_text(a):
    """Return the object with bytes as text and tuples as lists."""
    if isinstance(a, bytes):
        return a.decode("latin-1")
    if isinstance(a, list | tuple):
        return [as_text(b) for b in a]
    return {as_text(k): as_text(b) for k, b in a.items()} if isinstance(a, dict) else a


leaves = st.none() | st.booleans() | st.integers(-(2**31), 2**40) | st.binary(min_size=1) | st.text()
keys = st.binary(min_size=1, max_size=3)
tuples = st.builds(tuple, st.lists(leaves, min_size=1, max_size=5))
trees = st.recursive(leaves | tuples, lambda t: st.lists(t) | st.dictionaries(keys, t), max_leaves=20)


@protocols
@given(tree=trees)
def test_dicts_lists_numbers_and_text_come_back(protocol, tree):
    assert unpickle(pickle.dumps(tree, protocol)) == as_text(tree)


@protocols
def test_shared_objects_come_back_in_every_place(protocol):
    many = [[i] for i in range(300)]  # more than an index of one byte can tell apart

    assert unpickle(pickle.dumps([many, many[::-1]], protocol)) == [many, many[::-1]]


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_an_array_stays_the_call_that_would_make_it(protocol):
    a = np.array([[1, 2], [3, 255]], np.uint8)

    function, _, state = unpickle(pickle.dumps(a, protocol))

    assert function.endswith("multiarray._reconstruct")
    assert state[1] == [2, 2]
    assert state[2][:2] == ["numpy.dtype", ["u1", False, True]]
    assert state[3:] == [False, "\x01\x02\x03\xff"]


@pytest.mark.parametrize("function", [os.mkdir, exec, eval, __import__, getattr, pickle.loads, np.save, np.load])
@protocols
def test_no_call_is_made_and_the_error_names_it(tmp_path, protocol, function):
    with pytest.raises(ValueError, match=f"it refers to '[a-z_.0-9]*{function.__name__}', but may hold only"):
        unpickle(pickle.dumps({b"data": Call(function, str(tmp_path / "made"))}, protocol))

    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "name",
    [
        "os system", "posix system", "subprocess Popen", "builtins exec", "builtins eval", "builtins getattr",
        "__builtin__ apply", "__builtin__ file", "copy_reg _reconstructor", "copyreg add_extension",
        "copyreg __newobj__", "functools partial", "operator attrgetter", "operator methodcaller",
        "importlib import_module", "types CodeType", "types FunctionType", "runpy _run_code", "pty spawn",
        "timeit main", "code interact", "pickle loads", "_pickle loads", "numpy load", "numpy memmap",
        "numpy fromfile", "numpy ndarray.__setstate__", "numpy dtype.__new__",
        "numpy.testing._private.utils runstring", "numpy.testing runstring", "numpy.f2py.crackfortran getlincoef",
        "numpy.f2py.crackfortran _eval_length", "numpy.f2py.diagnose run_command",
        "numpy.distutils.exec_command _exec_command", "numpy.core.multiarray scalar",
        "numpy._core.multiarray _reconstruct.__self__", "_codecs decode", "_codecs lookup",
        "handgrad.training.checkpoints save_checkpoint", "numpy\0 ndarray", " ", "numpy.ndarray ",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["GLOBAL", "STACK_GLOBAL", "STACK_GLOBAL from the memo", "INST"])
def test_no_function_is_looked_up_by_any_instruction(form, name):
    module, _, attribute = name.encode().partition(b" ")
    texts = [b"\x8c" + bytes([len(text)]) + text for text in (module, attribute)]
    content = {
        "GLOBAL": b"c" + module + b"\n" + attribute + b"\n",
        "STACK_GLOBAL": b"".join(texts) + b"\x93",
        "STACK_GLOBAL from the memo": texts[1] + b"\x94" + texts[0] + b"\x94h\x00\x93",
        "INST": b"(i" + module + b"\n" + attribute + b"\n",
    }[form]

    with pytest.raises(ValueError, match=r"it refers to '.*', but may hold only|it has the instruction INST,"):
        unpickle(b"\x80\x04" + content + b"K\x01\x85R.")


@pytest.mark.parametrize(
    ("instruction", "name"),
    [
        (b"(cnumpy\nndarray\no", "OBJ"),
        (b"cnumpy\nndarray\nN\x85\x81", "NEWOBJ"),
        (b"cnumpy\nndarray\nN\x85}\x92", "NEWOBJ_EX"),
        (b"\x82\x01", "EXT1"),
        (b"\x83\x01\x00", "EXT2"),
        (b"\x84\x01\x00\x00\x00", "EXT4"),
        (b"Pidentity\n", "PERSID"),
        (b"NQ", "BINPERSID"),
        (b"\x97", "NEXT_BUFFER"),
        (b"N\x98", "READONLY_BUFFER"),
        (b"]\x8f", "EMPTY_SET"),
        (b"N0", "POP"),
    ],
)
def test_instructions_that_make_objects_or_ask_outside_are_refused_by_name(instruction, name):
    copyreg.add_extension("os", "system", 1)
    try:
        with pytest.raises(ValueError, match=f"it has the instruction {name}, but may hold only dicts"):
            unpickle(b"\x80\x05" + instruction + b".")
    finally:
        copyreg.remove_extension("os", "system", 1)


@protocols
def test_a_command_for_the_shell_is_not_run(tmp_path, protocol):
    content = pickle.dumps(Call(os.system, f"touch {tmp_path / 'made'}"), protocol)

    with pytest.raises(ValueError, match=rf"it refers to '{os.name}\.system'"):
        unpickle(content)
    assert os.listdir(tmp_path) == []


def test_a_forged_array_touches_no_memory():
    """This is why NumPy's functions are not called: Python's Unpickler crashes on this pickle."""
    forged = Call(np.dtype, "V8", False, True, state=(3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0))
    reconstruct, arguments, _ = np.zeros(1).__reduce__()
    # an object at the address 0x4141414141414141
    a = Call(reconstruct, *arguments, state=(1, (1,), forged, False, b"A" * 8))

    _, _, state = unpickle(pickle.dumps(a, 2))

    assert state[-1] == "A" * 8


@pytest.mark.parametrize("instruction", [b"r", b"X", b"B", b"T", b"\x8e", b"\x96", b"\x95"])
def test_memory_is_not_allocated_for_a_mere_claim(instruction):
    """Python's Unpickler takes 32 GB for an index of 2³¹ (r)."""
    content = b"\x80\x05}" + instruction + struct.pack("<i" if instruction in b"rXBT" else "<q", 2**31 - 1) + b"."
    tracemalloc.start()

    with contextlib.suppress(ValueError):
        unpickle(content)

    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_deep_nesting_is_harmless():
    """Python's Unpickler crashes on a deep tuple that is a dict's key."""
    with pytest.raises(ValueError, match="its keys must be text, got list"):
        unpickle(b"\x80\x02}N" + b"\x85" * 10**5 + b"Ns.")


@pytest.mark.parametrize("content", [b"}K\x01K\x02s.", b"}(K\x01K\x02u.", b"}NNs.", b"}(X\1\0\0\0aNNNu."])
def test_keys_must_be_text_as_hashes_of_integers_can_be_made_to_collide(content):
    with pytest.raises(ValueError, match=r"its keys must be text, got (int|NoneType)"):
        unpickle(b"\x80\x02" + content)


def test_a_batch_in_the_form_with_the_most_instructions_is_read():
    """Protocol 2 as Python 3 writes it calls a function for each of the file's names."""
    names = [b"%d.png" % n for n in range(10_000)]

    assert unpickle(pickle.dumps({b"filenames": names, b"labels": [3] * 10_000}, 2)) == {
        "filenames": as_text(names),
        "labels": [3] * 10_000,
    }


def test_no_more_instructions_are_followed_than_a_batch_has():
    with pytest.raises(ValueError, match="it has more than 300000 instructions"):
        unpickle(b"\x80\x02" + b"]" * 300_000 + b".")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(1.5), "it has the instruction BINFLOAT"),
        (pickle.dumps({1}), "it has the instruction EMPTY_SET"),
        (pickle.dumps([1, 2], 0), "it has the instruction "),
        (b"\x80\x02\x82\x01.", "it has the instruction EXT1"),
        (b"\x80\x02U\x01aQ.", "it has the instruction BINPERSID"),
        (b"\x80\x02cnumpy\nload\n.", "it refers to 'numpy.load'"),
        (b"\x80\x02cnumpy.dtype\n__new__\n.", "it refers to 'numpy.dtype.__new__'"),
        (pickle.dumps([1]) + b" ", "it ends at byte "),
        (pickle.dumps([1])[:-1], "pickle exhausted before seeing STOP"),
        (b"", "pickle exhausted before seeing STOP"),
        (b"\xff\xd8\xff", "at position 0, opcode b'\\xff' unknown"),
    ],
)
def test_everything_that_an_array_does_not_need_is_refused(content, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        unpickle(content)
