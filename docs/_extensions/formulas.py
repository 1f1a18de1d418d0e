"""Formulas become HTML while the site is built; one that KaTeX cannot read is a warning that names its line.

KaTeX runs within Python, in the interpreter that dukpy brings: sphinxcontrib-katex on its own needs node, or leaves
the work, and the errors, to the reader's browser.
"""

from functools import cache
from typing import Any

import dukpy
import sphinxcontrib.katex
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

_logger = logging.getLogger(__name__)


@cache
def _katex() -> dukpy.JSInterpreter:
    interpreter = dukpy.JSInterpreter()
    interpreter.evaljs((sphinxcontrib.katex.SRC_DIR / "katex.min.js").read_text(encoding="utf-8") + "; null")
    return interpreter


@cache
def _rendered(formula: str, display: bool, strict: bool) -> str:
    options = {"displayMode": display, "throwOnError": strict, "strict": "error" if strict else "ignore"}
    return _katex().evaljs("katex.renderToString(dukpy.formula, dukpy.options)", formula=formula, options=options)


def _render_latex(formula: str, options: dict[str, Any] | None = None) -> str:
    """Do what the function of this name in sphinxcontrib.katex does."""
    return _rendered(formula, bool(options and options["displayMode"]), strict=False)


def _report_errors(app: Sphinx, document: nodes.document) -> None:
    for node in document.findall(lambda node: isinstance(node, nodes.math | nodes.math_block)):
        try:
            _rendered(node.astext(), isinstance(node, nodes.math_block), strict=True)
        except dukpy.JSRuntimeError as error:
            _logger.warning("%s", str(error).splitlines()[0], location=node, type="formula")


def setup(app: Sphinx) -> dict[str, Any]:
    """Put KaTeX in the place of sphinxcontrib-katex's server."""
    app.setup_extension("sphinxcontrib.katex")
    sphinxcontrib.katex.render_latex = _render_latex
    app.connect("doctree-read", _report_errors)
    return {"parallel_read_safe": True}
