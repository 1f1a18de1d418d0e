"""Embed plots in the page as SVG: ``{plot} module argument …`` shows the panels of ``docs/_plots/module.py``."""

import html
import logging
import sys
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.logging import getLogger
from sphinx.writers.html5 import HTML5Translator

sys.path.append(str(Path(__file__).parents[1]))
import _plots

_logger = getLogger(__name__)
logging.getLogger("jax").setLevel("WARNING")  # otherwise accessible-pygments makes it list missing devices
_svg = cache(_plots.svg)  # a build draws each plot once


class plot(nodes.General, nodes.Element):
    """A plot's ``arguments`` and ``alt``. Lower case, because the translator's methods are named after node classes."""


class Plot(SphinxDirective):
    """The directive ``plot``."""

    required_arguments = 1
    optional_arguments = 9
    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return a node that is drawn if the output is HTML."""
        for file in Path(_plots.__file__).parent.glob("*.py"):
            self.env.note_dependency(str(file))
        node = plot(arguments=self.arguments, **self.options)
        self.set_source_info(node)
        return [node]


def _visit(self: HTML5Translator, node: plot) -> None:
    if "alt" not in node:
        _logger.warning("a plot without :alt:, its description", location=node, type="plot")
    try:
        panels = _svg(*node["arguments"])
    except Exception as error:
        _logger.warning("plot %s: %r", " ".join(node["arguments"]), error, location=node, type="plot")
        raise nodes.SkipNode from error
    alt = html.escape(node.get("alt", ""))
    self.body.append(f'<div class="plot" role="img" aria-label="{alt}">{"".join(panels)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive ``plot``."""
    app.add_directive("plot", Plot)
    app.add_node(plot, html=(_visit, None))
    return {"parallel_read_safe": True}
