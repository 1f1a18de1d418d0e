"""Embed Graphviz graphs in the page as SVG, so that its stylesheet colours them in light and dark mode."""

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
        _logger.warning("a graph without :alt:, its description", location=node, type="graphviz")
    try:
        _, file = render_dot(self, node["code"], node["options"], "svg")
    except GraphvizError as error:
        _logger.warning("%s", error, location=node, type="graphviz")
        raise nodes.SkipNode from error
    if file is None:  # dot is missing, and Sphinx has warned about it
        raise nodes.SkipNode
    svg = file.read_text(encoding="utf-8")
    svg = re.sub(r"^.*?<svg |<!--.*?-->\s*|<title>.*?</title>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="[^"]*"', "", svg)  # they repeat from graph to graph
    svg = re.sub(r'(width|height)="([\d.]+)pt"', r'\1="\2"', svg, count=2)  # a point to a pixel
    alt = html.escape(node.get("alt", ""))
    self.body.append(f'<div class="graphviz"><svg role="img" aria-label="{alt}" {svg}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Embed graphs in the page, where sphinx.ext.graphviz would link to files."""
    app.setup_extension("sphinx.ext.graphviz")
    app.add_node(graphviz, override=True, html=(_visit, None))
    return {"parallel_read_safe": True}
