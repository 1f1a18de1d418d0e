"""The picture of a graph: values flow forward, gradients back. Its parts: what is shown, folding, and the notations."""

import os
from pathlib import Path
from typing import Any

from handgrad.files.atomic import atomic_write
from handgrad.graph.inspection.diagram import Picture, picture
from handgrad.graph.inspection.renderers import to_dot, to_mermaid
from handgrad.graph.variable import Variable

__all__ = ["Drawing", "draw"]

_RENDERED = (".svg", ".png", ".pdf")
_SUFFIXES = (*_RENDERED, ".dot", ".gv", ".mmd", ".md")


def draw(
    output: Variable, *, gradients: bool = True, cotangent: Any = None, values: bool = True, fold: bool = False
) -> "Drawing":
    """Return the picture of an output's graph.

    Variables are boxes with their name and shape, operations are round, with a sign, the name of their result and its
    shape. On the way from one to the other stands, above, the value that flows forward and, below and in a second
    colour, the gradient that flows back: ∂J/∂value, as far as it comes from this use. A variable that is used several
    times also has the sum Σ of what comes back. Arrays of up to 12 entries, in rows of up to 4, are shown whole, others
    by their shape and norm ‖·‖.

    Parameters
    ----------
    output : Variable
        Such as a loss.
    gradients : bool
        Whether to take gradients and show them.
    cotangent : array, optional
        ∂J/∂output, of output's shape, for an output that is no scalar.
    values : bool
        Whether to show the values.
    fold : bool
        Whether to draw a repeated sequence of operations, such as the layers of a deep network, as one node with its
        number, "@ → + → tanh × 6", and with the first and the last of its names, shapes, values and gradients. The
        operations are taken in a topological order; of it, each stretch that is repeated right behind itself with each
        repetition reading the one before is folded, if that makes three operations or more. Leaves that nothing else
        reads, and that have the same part in each repetition, are one box, "W2 … W6".

    Returns
    -------
    Drawing
        A notebook shows it; ``.save("net.svg")`` writes it, and ``.dot`` and ``.mermaid`` are its text.

    Raises
    ------
    TypeError
        If the output is no Variable.
    ValueError
        If the output is no scalar and there is neither a cotangent nor ``gradients=False``; or what
        :func:`handgrad.graph.gradients` raises.

    Examples
    --------
    >>> from handgrad import graph
    >>> x, y = graph.Variable(3.0, "x"), graph.Variable(2.0, "y")
    >>> print(graph.draw(x * y, gradients=False))
    %%{init: {"themeVariables": {"edgeLabelBackground": "#f2f4f7"}, "flowchart": {"curve": "linear"}}}%%
    flowchart LR
      n0["x"]:::variable
      n1["y"]:::variable
      n2("×<br/>6"):::operation
      n0 -->|"3"| n2
      n1 -->|"2"| n2
      classDef variable fill:#fff3d6,stroke:#b58a1b,color:#1c2733
      classDef operation fill:#e4edf8,stroke:#2b7cd6,color:#1c2733
      linkStyle 0,1 stroke:#2b7cd6,color:#0b57a8

    References
    ----------
    ``docs/derivations/graph.md``.
    """
    return Drawing(picture(output, gradients, cotangent, values, fold))


class Drawing:
    """A picture of a graph as it was when it was drawn; :func:`draw` makes it.

    Attributes
    ----------
    dot : str
        In DOT, for Graphviz.
    mermaid : str
        In Mermaid, which code hosts show in Markdown.

    Examples
    --------
    See :func:`draw`.

    References
    ----------
    ``docs/derivations/graph.md``.
    """

    def __init__(self, picture: Picture) -> None:
        self.dot = to_dot(picture)
        self.mermaid = to_mermaid(picture)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture; what lies at ``path`` is replaced only when the new one is whole.

        Parameters
        ----------
        path : str or path
            In an existing directory. Its suffix says what is written: .svg, .png and .pdf need Graphviz, .dot and .gv
            (DOT), .mmd (Mermaid) and .md (Mermaid in Markdown) need nothing.

        Raises
        ------
        ImportError
            If the package ``graphviz`` is needed and missing: it comes with the extra ``draw``.
        OSError
            If Graphviz's program ``dot`` is needed and is missing or fails, or the file cannot be written.
        ValueError
            If the suffix is another one, or ``path`` is there and no file.

        Examples
        --------
        >>> import os, tempfile
        >>> from handgrad import graph
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     graph.draw(graph.Variable(3.0, "x") ** 2).save(os.path.join(folder, "square.dot"))
        ...     os.listdir(folder)
        ['square.dot']

        References
        ----------
        ``docs/derivations/graph.md``.
        """
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix not in _SUFFIXES:
            raise ValueError(f"a drawing is saved as {', '.join(_SUFFIXES)}, given {os.fspath(path)!r}")
        if not target.parent.is_dir():
            raise FileNotFoundError(f"there is no directory {target.parent} to save {target.name} in")
        if suffix in _RENDERED:
            content = _rendered(self.dot, suffix[1:])
        else:
            text = {".dot": self.dot, ".gv": self.dot, ".mmd": self.mermaid, ".md": self._markdown()}[suffix]
            content = text.encode()
        with atomic_write(target) as file:
            file.write(content)

    def __str__(self) -> str:
        """Return the Mermaid text."""
        return self.mermaid.rstrip("\n")

    def _markdown(self) -> str:
        return f"```mermaid\n{self.mermaid}```\n"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return what a notebook shows: the picture where Graphviz is installed, else Mermaid."""
        try:
            return {"image/svg+xml": _rendered(self.dot, "svg").decode(), "text/plain": str(self)}
        except Exception:  # whatever is wrong with an installation: text is always possible
            return {"text/markdown": self._markdown(), "text/plain": str(self)}


def _rendered(dot: str, format: str) -> bytes:
    """Return what Graphviz makes of DOT."""
    try:
        import graphviz
    except ImportError as error:
        raise ImportError(
            f"a picture as .{format} needs the package graphviz: pip install 'handgrad[draw]' (.dot and .mmd do not)"
        ) from error
    try:
        return bytes(graphviz.Source(dot).pipe(format=format, quiet=True))
    except graphviz.ExecutableNotFound as error:
        raise FileNotFoundError(
            f"a picture as .{format} needs the program dot: apt-get install graphviz, or brew install graphviz "
            "(.dot and .mmd do not)"
        ) from error
    except graphviz.CalledProcessError as error:
        raise OSError(f"dot could not draw a picture as .{format}: {error.stderr.decode(errors='replace')}") from error
