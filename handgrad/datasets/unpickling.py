"""Pickles, read without being run."""

from typing import Any

__all__ = ["unpickle"]

#: A CIFAR-10 batch has 30,000, or 90,000 if Python 3 writes it in protocol 2. An instruction of one byte can create an
#: object of a hundred bytes.
_MAX_INSTRUCTIONS = 300_000
_ALLOWED_NAMES = {  # all that the pickle of a NumPy array refers to
    "_codecs.encode",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.numeric._frombuffer",
    "numpy._core.numeric._frombuffer",
    "numpy.ndarray",
    "numpy.dtype",
}


def unpickle(content: bytes) -> Any:
    """Return the contents of a pickle (protocols 2 to 5) without importing, calling or allocating what it asks for.

    A pickle is a program. Python's ``Unpickler``, even restricted to NumPy's functions, lets that program write
    anywhere in memory (a forged ``dtype``) or fill it (a forged index). This function follows only the few
    instructions that build a dict of lists and arrays, and returns plain objects:

    - a call becomes the list [function's name, arguments, state];
    - bytes become text, decoded as Latin-1, as Python 2 did not tell them apart;
    - tuples become lists.

    Time and memory are proportional to the size of the content, plus at most what 300,000 instructions take.

    Parameters
    ----------
    content : bytes

    Raises
    ------
    ValueError
        If the content has an instruction or a name that an array does not need, more than 300,000 instructions, a key
        that is not text, or anything after its end.
    Exception
        Of other types, if it is not a pickle or is damaged.

    Examples
    --------
    >>> import numpy as np, pickle
    >>> from handgrad.datasets.unpickling import unpickle
    >>> unpickle(pickle.dumps({b"labels": [6, 9]}, protocol=4))
    {'labels': [6, 9]}
    >>> unpickle(pickle.dumps(print, protocol=4))
    Traceback (most recent call last):
    ValueError: it refers to 'builtins.print', but may hold only NumPy arrays

    References
    ----------
    The source of Python's ``pickletools`` describes the instructions.
    """
    from pickletools import genops  # here, to keep handgrad quick to import

    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[Any, Any] = {}
    items: list[Any] = []
    argument: Any
    for count, (opcode, argument, position) in enumerate(genops(content)):
        if count == _MAX_INSTRUCTIONS:
            raise ValueError(f"it has more than {_MAX_INSTRUCTIONS} instructions")
        if opcode.name in ("TUPLE", "APPENDS", "SETITEMS"):
            at = marks.pop()
            items, stack[at:] = stack[at:], []
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINSTRING" | "SHORT_BINSTRING":
                stack.append(argument)
            case "BINUNICODE" | "SHORT_BINUNICODE":
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
                stack.append(_allowed(argument.replace(" ", ".")))
            case "STACK_GLOBAL":
                stack[-2:] = [_allowed(".".join(stack[-2:]))]
            case "REDUCE":
                function, arguments = stack[-2:]
                # this is how Python 3 writes bytes in protocol 2
                stack[-2:] = [arguments[0] if function == "_codecs.encode" else [function, arguments, None]]
            case "BUILD":
                state = stack.pop()
                stack[-1][2] = state
            case "STOP":
                if position != len(content) - 1:
                    raise ValueError(f"it ends at byte {position} of {len(content)}")
            case name:
                raise ValueError(f"it has the instruction {name}, but may hold only dicts, lists and NumPy arrays")
    return stack.pop()


def _text(key: Any) -> str:
    if not isinstance(key, str):  # hashes of chosen integers can all collide, which takes hours
        raise ValueError(f"its keys must be text, got {type(key).__name__}")
    return key


def _allowed(name: str) -> str:
    if name not in _ALLOWED_NAMES:
        raise ValueError(f"it refers to {name[:80]!r}, but may hold only NumPy arrays")
    return name
