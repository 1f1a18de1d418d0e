"""Render formulas to HTML while the site is built, with a warning, and its line, for each that KaTeX cannot parse.

KaTeX runs inside Python, in dukpy's JavaScript interpreter. On its own, sphinxcontrib-katex needs node, or leaves the
work, and the errors, to the reader's browser.
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
def _rendered(formula: str, display: bool) -> tuple[str, str]:
    """Return a formula's HTML and its error message, which is empty for a valid formula."""
    try:
        return _run(formula, displayMode=display, throwOnError=True, strict="error"), ""
    except dukpy.JSRuntimeError as error:
        return _run(formula, displayMode=display, throwOnError=False, strict="ignore"), str(error).splitlines()[0]


def _run(formula: str, **options: Any) -> str:
    html: str = _katex().evaljs("katex.renderToString(dukpy.formula, dukpy.options)", formula=formula, options=options)
    return html


def _render_latex(formula: str, options: dict[str, Any] | None = None) -> str:
    """Replace the function of this name in sphinxcontrib.katex."""
    html, _ = _rendered(formula, bool(options and options["displayMode"]))
    return html


def _report_errors(app: Sphinx, document: nodes.document) -> None:
    for node in document.findall(lambda node: isinstance(node, nodes.math | nodes.math_block)):
        _, wrong = _rendered(node.astext(), isinstance(node, nodes.math_block))
        if wrong:
            _logger.warning("%s", wrong, location=node, type="formula")


def setup(app: Sphinx) -> dict[str, Any]:
    """Replace sphinxcontrib-katex's server by KaTeX inside Python."""
    app.setup_extension("sphinxcontrib.katex")
    sphinxcontrib.katex.render_latex = _render_latex
    app.connect("doctree-read", _report_errors)
    return {"parallel_read_safe": True}
