"""Graphs of Graphviz's as SVG within the page: its stylesheet colours them, for light and for dark."""

import html
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext.graphviz import GraphvizError, graphviz, render_dot
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

_logger = logging.getLogger(__name__)


def _visit(self: HTML5Translator, node: graphviz) -> None:
    if "alt" not in node:
        _logger.warning("a graph without :alt:, which says what is seen on it", location=node, type="graphviz")
    try:
        _, file = render_dot(self, node["code"], node["options"], "svg")
    except GraphvizError as error:
        _logger.warning("%s", error, location=node, type="graphviz")
        raise nodes.SkipNode from error
    if file is None:  # there is no dot, and Sphinx has said so
        raise nodes.SkipNode
    svg = file.read_text(encoding="utf-8")
    svg = re.sub(r"^.*?<svg |<!--.*?-->\s*|<title>.*?</title>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="[^"]*"', "", svg)  # they repeat from graph to graph
    svg = re.sub(r'(width|height)="([\d.]+)pt"', r'\1="\2"', svg, count=2)  # a point to a pixel
    alt = html.escape(node.get("alt", ""))
    self.body.append(f'<div class="graphviz"><svg role="img" aria-label="{alt}" {svg}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Put the graphs into the page, where sphinx.ext.graphviz would link them as files."""
    app.setup_extension("sphinx.ext.graphviz")
    app.add_node(graphviz, override=True, html=(_visit, None))
    return {"parallel_read_safe": True}
