"""Read a pickle without running it."""

from typing import Any

__all__ = ["unpickle"]

#: So many instructions are followed. A batch of CIFAR-10 has 30,000, or 90,000 if Python 3 writes it in protocol 2; a
#: byte that is one can make an object of a hundred.
_MOST = 300_000
_NAMES = {  # all that the pickle of a NumPy array refers to
    "_codecs.encode",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.numeric._frombuffer",
    "numpy._core.numeric._frombuffer",
    "numpy.ndarray",
    "numpy.dtype",
}


def unpickle(content: bytes) -> Any:
    """Return what is in a pickle (protocols 2 to 5), with nothing looked up, called or allocated on its word.

    A pickle is a program. Python's ``Unpickler``, even when it admits NumPy's functions alone, lets that program write
    anywhere in memory (a forged ``dtype``) or fill it (a forged index). So the few instructions that a dict of lists
    and arrays is made of are followed here. What comes out is plain:

    - a call is the list [function's name, arguments, state];
    - bytes are text, decoded as Latin-1, as Python 2 took the one for the other;
    - tuples are lists.

    Time and memory are in proportion to the size of the content, beside what 300,000 instructions take.

    Parameters
    ----------
    content : bytes

    Raises
    ------
    ValueError
        If it has an instruction or refers to a name that an array does not need, more than 300,000 instructions, or a
        key that is not text, or goes on after its end.
    Exception
        Of other kinds, if it is not a pickle or is damaged.

    Examples
    --------
    >>> import numpy as np, pickle
    >>> from handgrad.datasets.unpickling import unpickle
    >>> unpickle(pickle.dumps({b"labels": [6, 9]}, protocol=4))
    {'labels': [6, 9]}
    >>> unpickle(pickle.dumps(print, protocol=4))
    Traceback (most recent call last):
    ValueError: it refers to 'builtins.print', expected only NumPy arrays

    References
    ----------
    The instructions are described in the source of Python's ``pickletools``.
    """
    from pickletools import genops  # here, so that importing handgrad costs no more than it must

    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[Any, Any] = {}
    items: list[Any] = []
    argument: Any
    for count, (opcode, argument, position) in enumerate(genops(content)):
        if count == _MOST:
            raise ValueError(f"it has more than {_MOST} instructions")
        if opcode.name in ("TUPLE", "APPENDS", "SETITEMS"):
            at = marks.pop()
            items, stack[at:] = stack[at:], []
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case "BININT" | "BININT1" | "BININT2" | "LONG1":
                stack.append(argument)
            case "BINSTRING" | "SHORT_BINSTRING" | "BINUNICODE" | "SHORT_BINUNICODE":
                stack.append(argument)
            case "BINBYTES" | "SHORT_BINBYTES" | "BYTEARRAY8":
                stack.append(argument.decode("latin-1"))
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(opcode.name == "NEWTRUE")
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "MARK":
                marks.append(len(stack))
            case "TUPLE":
                stack.append(items)
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                n = int(opcode.name[-1])
                stack[-n:] = [stack[-n:]]
            case "APPEND":
                item = stack.pop()
                stack[-1].append(item)
            case "APPENDS":
                stack[-1].extend(items)
            case "SETITEM":
                key, value = stack[-2:]
                del stack[-2:]
                stack[-1][_text(key)] = value
            case "SETITEMS":
                stack[-1].update(zip(map(_text, items[::2]), items[1::2]))
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(_admitted(argument.replace(" ", ".")))
            case "STACK_GLOBAL":
                stack[-2:] = [_admitted(".".join(stack[-2:]))]
            case "REDUCE":
                function, arguments = stack[-2:]
                # Python 3 writes bytes so in protocol 2
                stack[-2:] = [arguments[0] if function == "_codecs.encode" else [function, arguments, None]]
            case "BUILD":
                state = stack.pop()
                stack[-1][2] = state
            case "STOP":
                if position != len(content) - 1:
                    raise ValueError(f"it ends at byte {position} of {len(content)}")
            case name:
                raise ValueError(f"it has the instruction {name}, expected only dicts, lists and NumPy arrays")
    return stack.pop()


def _text(key: Any) -> str:
    if not isinstance(key, str):  # integers can be chosen so that their hashes collide, which takes hours
        raise ValueError(f"it has a key of type {type(key).__name__}, expected text")
    return key


def _admitted(name: str) -> str:
    if name not in _NAMES:
        raise ValueError(f"it refers to {name[:80]!r}, expected only NumPy arrays")
    return name
