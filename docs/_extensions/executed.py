"""Directives for the code blocks that ``tests/tools/equations.py`` executes, which get a style of their own."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.directives.code import CodeBlock


class Executed(CodeBlock):
    """Python code that computes the equation above it, or declares the variables of all equations."""

    required_arguments = 0
    optional_arguments = 0

    def run(self) -> list[nodes.Node]:
        """Return the code in a container of the directive's name."""
        self.arguments = ["python"]
        return [nodes.container("", *super().run(), classes=["executed", self.name])]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directives ``forward`` and ``computed``."""
    app.add_directive("forward", Executed)
    app.add_directive("computed", Executed)
    return {"parallel_read_safe": True}
