"""A verdict as one self-contained page: where each gradient is wrong, why, and the problem that shows it."""

import base64
import html
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.files.atomic import atomic_write
from oracle.diagnosis import VOCABULARY

if TYPE_CHECKING:
    from oracle.reports.verdict import Finding, Verdict

__all__ = ["write"]

_STYLE = """
:root { color-scheme: light dark; --text: #1d2330; --page: #fff; --card: #f4f6fa; --line: #d5dae4; --bad: #b3261e;
  --good: #1b7a3d; --soft: #566074; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9f0; --page: #14171d; --card: #1e232d; --line: #38404f;
  --bad: #ff8a80; --good: #7fd99a; --soft: #9aa4b8; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.wrong { color: var(--bad); } .correct { color: var(--good); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem;
  margin: .8rem 0; }
.maps { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; max-width: 100%; }
figure img { max-width: 100%; background: #fff; border-radius: 6px; }
figcaption { color: var(--soft); font-size: .9rem; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1rem; overflow-x: auto; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
td, th { border-bottom: 1px solid var(--line); padding: .25rem .7rem .25rem 0; text-align: left; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; } math { font-size: 1.1rem; }
.soft { color: var(--soft); }
"""


def write(verdict: "Verdict", path: Any) -> None:
    """Write the page; what lies at ``path`` is replaced only when the new page is whole.

    Raises
    ------
    ImportError
        If matplotlib or latex2mathml is missing: they come with the extra ``report``.
    """
    try:
        import latex2mathml.converter  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError("to_html needs matplotlib and latex2mathml: pip install 'handgrad[report]'") from error
    page = "\n".join(_page(verdict))
    with atomic_write(path) as file:
        file.write(page.encode())


def _page(v: "Verdict") -> Iterator[str]:
    said = "correct" if v.ok else "wrong"
    title = f"{html.escape(v.name)}: {said}"
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<style>{_STYLE}</style></head><body>"
    count = f"{v.failed} of {v.problems}" if not v.ok else f"{v.problems}"
    seed = "" if v.seed is None else f", seed {v.seed}"
    yield f'<h1>{html.escape(v.name)}: <span class="{said}">{said}</span> on {count} problems</h1>'
    yield f'<p class="soft">checked in {v.seconds:.1f} s{seed}</p>'
    for e in v.explanations:
        cause = VOCABULARY[e.cause]
        yield f'<div class="card"><strong>{html.escape(e.cause)}</strong>: {html.escape(cause.sentence)}'
        if e.algebra:
            yield f"<p>Computed: <code>{html.escape(e.algebra)}</code></p>"
        if cause.algebra:
            yield f"<p>The derivation says: {_mathml(cause.algebra)}</p>"
        where = f" It shows in {', '.join(e.arrays)}." if e.arrays else ""
        when = f" Only where {' and where '.join(e.when)}." if e.when else ""
        yield f'<p class="soft">Explains the difference on {e.probes} problems.{html.escape(where + when)}</p>'
        for other, algebra in e.alternatives:
            yield f"<p>Or <strong>{html.escape(other)}</strong>: {html.escape(algebra)} explains it as well.</p>"
        yield "</div>"
    if v.findings and not v.explanations:
        yield '<div class="card">None of the known mistakes explains it.</div>'
    yield from (f'<p class="soft">{html.escape(line)}</p>' for line in _lines(v))
    if v.findings:
        yield "<h2>Errors</h2>"
        headings = ("array", "entry", "returned", "correct", "error", "bound", "which")
        yield f"<table><tr>{''.join(f'<th>{heading}</th>' for heading in headings)}</tr>"
        yield from map(_row, v.findings)
        yield "</table>"
    maps = [f for f in v.findings if f.excess is not None and f.excess.ndim]
    if maps:
        yield '<h2>Where: error over bound</h2><div class="maps">'
        yield from map(_figure, maps)
        yield "</div>"
    if v.snippet:
        yield f"<h2>The smallest failing problem</h2><pre>{html.escape(v.snippet)}</pre>"
    yield "</body></html>"


def _lines(v: "Verdict") -> Iterator[str]:
    if v.when:
        yield f"Only where {' and where '.join(v.when)}."
    if v.stage:
        yield f"First wrong stage: {v.stage}."
    yield from (f"Note: {note}." for note in v.notes)
    yield from (f"Note: {remark}." for remark in v.remarks)
    yield from (f"Not covered: {unseen}." for unseen in v.unseen)
    if v.power:
        yield (
            f"Detection power: {v.power.caught} of {v.power.planted} planted mistakes show on these problems, and so "
            f"does an error in one entry of {v.power.smallest_error:.0e} of the largest."
        )


def _row(f: "Finding") -> str:
    c = f.comparison
    if c is None:
        return f'<tr><td>{html.escape(f.array)}</td><td colspan="6">{html.escape(f.sentence)}</td></tr>'
    numbers = (f"{c.given:.10g}", f"{c.expected:.10g}", f"{c.error:.1e}", f"{c.bound:.1e}")
    at = f"[{', '.join(map(str, c.index))}]" if c.index else ""
    cells = "".join(f'<td class="number">{n}</td>' for n in numbers)
    return f"<tr><td>{html.escape(f.array)}</td><td>{at}</td>{cells}<td>{html.escape(f.pattern)}</td></tr>"


def _figure(f: "Finding") -> str:
    caption = f"{f.array}: {f.pattern or 'one entry'}; the worst is framed"
    source = base64.b64encode(_heat_map(f)).decode()
    text = html.escape(caption)
    return f'<figure><img alt="{text}" src="data:image/png;base64,{source}"><figcaption>{text}</figcaption></figure>'


def _heat_map(f: "Finding") -> bytes:
    """Draw error over bound: white up to the bound, and the redder the further beyond."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    assert f.excess is not None
    excess = np.atleast_2d(f.excess)
    rows, columns = excess.shape
    finite = excess[np.isfinite(excess)]
    top = max(float(finite.max(initial=1.0)), 10.0)
    figure = Figure(figsize=(min(1.6 + 0.5 * columns, 8), min(1.2 + 0.45 * rows, 8)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shown = np.clip(np.nan_to_num(excess, posinf=top), 1.0, top)
    image = axes.imshow(shown, cmap="Reds", norm=LogNorm(1.0, top), interpolation="nearest", aspect="auto")
    figure.colorbar(image, ax=axes, label="error / bound")
    if rows * columns <= 64:
        for (r, c), x in np.ndenumerate(excess):
            mark = "✓" if x <= 1 else "∞" if not np.isfinite(x) else f"{x:.0e}"
            dark = x > top**0.6
            axes.text(c, r, mark, ha="center", va="center", fontsize=7, color="white" if dark else "black")
    r, c = np.unravel_index(np.argmax(excess), excess.shape)
    axes.add_patch(Rectangle((c - 0.5, r - 0.5), 1, 1, fill=False, edgecolor="#1f4fd8", linewidth=2))
    axes.set_title(f"{f.array}")
    for axis, count in ((axes.xaxis, columns), (axes.yaxis, rows)):
        axis.set_ticks(range(count) if count <= 16 else np.linspace(0, count - 1, 6).astype(int))
    if f.excess.ndim < 2:
        axes.set_yticks([])
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=150)
    return out.getvalue()


def _mathml(latex: str) -> str:
    import latex2mathml.converter

    return str(latex2mathml.converter.convert(latex))
