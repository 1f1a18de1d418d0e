"""The site's plots: each module's ``draw`` yields panels, shown side by side or in a column.

The stylesheet colours them, in light and dark mode, and the text is in the page's font.
"""

import io
import re
from importlib import import_module

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Placeholders for the colours of the stylesheet.
INK, PAPER, MUTED, BLUE, ORANGE, GREEN, PURPLE = (f"#0{i}0{i}0{i}" for i in range(1, 8))
_STYLES = {
    INK: "currentColor",
    PAPER: "var(--color-background-primary)",
    MUTED: "var(--muted)",
    BLUE: "var(--forward)",
    ORANGE: "var(--backward)",
    GREEN: "var(--third)",
    PURPLE: "var(--fourth)",
}
_SETTINGS = {
    "svg.fonttype": "none",
    "text.color": INK,
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.labelsize": 12,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.limits": (-3, 5),
    "grid.color": MUTED,
    "grid.alpha": 0.2,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.minor.size": 0,
    "lines.linewidth": 2,
    "lines.markersize": 6,
    "lines.dotted_pattern": (1, 3),
    "legend.frameon": False,
    "legend.fontsize": 12,
    "legend.borderaxespad": 0.2,
    "legend.borderpad": 0.2,
    "legend.columnspacing": 1.2,
    "legend.handlelength": 1.4,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.3,
}
_WIDTH = 352  # in pixels: two panels fit side by side on a page, one on a narrow screen


def panel(title: str, x: str, y: str = "", *, above: int = 28, **properties) -> Axes:
    """Return axes in their own figure, with ``above`` pixels over them for the title and the legend."""
    left, below, height = 56 if y else 38, 42, 168
    total = above + height + below
    frame = (left / _WIDTH, below / total, 1 - (left + 8) / _WIDTH, height / total)
    axes = Figure((_WIDTH / 72, total / 72)).add_axes(frame)
    axes.set(xlabel=x, ylabel=y, **properties)
    axes.set_title(title, pad=above - 19)
    axes.xaxis.label.set_fontstyle("italic" if len(x) == 1 else "normal")
    axes.locator_params("y", nbins=5, steps=[1, 2, 5, 10])
    return axes


def svg(name: str, *arguments: str) -> list[str]:
    """Return the panels that the module ``name`` draws, as SVG elements to embed in a page."""
    with rc_context(_SETTINGS):
        panels = import_module(f"{__name__}.{name}").draw(*arguments)
        return [_svg(axes.figure, f"{name} {arguments} {i}") for i, axes in enumerate(panels)]


def _svg(figure: Figure, name: str) -> str:
    file = io.StringIO()
    with rc_context({"svg.hashsalt": name}):  # the same identifiers in every build, different ones in every panel
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    foreign = r"^.*?(?=<svg )|<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>|font-family: [^;\"]*;?"
    text = re.sub(foreign, "", file.getvalue(), flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    for colour, style in _STYLES.items():
        text = text.replace(colour, style)
    return text.strip()
