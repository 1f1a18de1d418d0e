"""Drawings of a graph, in which values flow forward and gradients back."""

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
    """Return a drawing of an output's graph.

    Variables are boxes with their name and shape; operations are round, with a sign, and their result's name and shape.
    An arrow shows the value that flows forward above and, below in a second colour, the gradient that flows back:
    ∂J/∂value, as far as it comes from this use. A variable that is used several times also shows their sum Σ. Arrays of
    up to 12 entries, in rows of up to 4, are shown whole, others by their shape and norm ‖·‖.

    Parameters
    ----------
    output : Variable
        For example a loss.
    gradients : bool
        If True, take gradients and show them.
    cotangent : array, optional
        ∂J/∂output, of output's shape; required for gradients of an output that is no scalar.
    values : bool
        If True, show the values.
    fold : bool
        If True, draw a repeated sequence of operations, such as the layers of a deep network, as one node with its
        count, "@ → + → tanh × 6", and with the first and the last of its names, shapes, values and gradients. Sequences
        are folded that directly follow themselves in a topological order, each repetition reading the one before, and
        have three operations or more in all. Leaves with the same part in each repetition, which nothing else reads,
        are one box, "W2 … W6".

    Returns
    -------
    Drawing
        Notebooks display it; ``.save("net.svg")`` writes it; ``.dot`` and ``.mermaid`` are its text.

    Raises
    ------
    TypeError
        If the output is no Variable.
    ValueError
        If the output is no scalar and there is neither a cotangent nor ``gradients=False``; or as
        :func:`handgrad.graph.gradients` does.

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
    """A drawing of a graph, returned by :func:`draw`; later changes to the graph do not show.

    Attributes
    ----------
    dot : str
        The drawing in DOT, for Graphviz.
    mermaid : str
        The drawing in Mermaid, which code hosts render in Markdown.
    """

    def __init__(self, picture: Picture) -> None:
        self.dot = to_dot(picture)
        self.mermaid = to_mermaid(picture)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the drawing; an existing file is replaced only once the new one is complete.

        Parameters
        ----------
        path : str or path
            In an existing directory. The suffix sets the format: .svg, .png and .pdf need Graphviz; .dot and .gv
            (DOT), .mmd (Mermaid) and .md (Mermaid in Markdown) need nothing.

        Raises
        ------
        ImportError
            If the package ``graphviz``, the extra ``draw``, is needed and missing.
        OSError
            If Graphviz's program ``dot`` is needed and missing, or fails, or the file cannot be written.
        ValueError
            If the suffix is another one, or ``path`` exists and is no file.

        Examples
        --------
        >>> import os, tempfile
        >>> from handgrad import graph
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     graph.draw(graph.Variable(3.0, "x") ** 2).save(os.path.join(folder, "square.dot"))
        ...     os.listdir(folder)
        ['square.dot']
        """
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix not in _SUFFIXES:
            raise ValueError(f"path must end in {', '.join(_SUFFIXES)}, got {os.fspath(path)!r}")
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
        """Return what a notebook displays: SVG if Graphviz is installed, else Mermaid."""
        try:
            return {"image/svg+xml": _rendered(self.dot, "svg").decode(), "text/plain": str(self)}
        except Exception:  # whatever is wrong with the installation, text works
            return {"text/markdown": self._markdown(), "text/plain": str(self)}


def _rendered(dot: str, format: str) -> bytes:
    """Return DOT as rendered by Graphviz."""
    try:
        import graphviz
    except ImportError as error:
        raise ImportError(
            f"a drawing as .{format} needs the package graphviz: pip install 'handgrad[draw]' (.dot and .mmd do not)"
        ) from error
    try:
        return bytes(graphviz.Source(dot).pipe(format=format, quiet=True))
    except graphviz.ExecutableNotFound as error:
        raise FileNotFoundError(
            f"a drawing as .{format} needs the program dot: apt-get install graphviz, or brew install graphviz "
            "(.dot and .mmd do not)"
        ) from error
    except graphviz.CalledProcessError as error:
        raise OSError(f"dot could not render .{format}: {error.stderr.decode(errors='replace')}") from error
