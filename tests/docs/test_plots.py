"""The site's plots: drawn without warnings, only in the stylesheet's colours, and described in words."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from handgrad.rules.activations import ACTIVATIONS

pytest.importorskip("matplotlib")
DOCS = Path(__file__).parents[2] / "docs"
sys.path.append(str(DOCS))
_plots = pytest.importorskip("_plots")
from _plots import activation, tails  # noqa: E402

ON_PAGES = [
    (page, *found)
    for page in sorted(DOCS.rglob("*.md"))
    for found in re.findall(r"^```\{plot\} (\S[^\n]*)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
]


@pytest.mark.parametrize("arguments", sorted({arguments for _, arguments, _ in ON_PAGES}))
def test_each_plot_is_well_formed_and_uses_the_stylesheets_colours(arguments):
    panels = _plots.svg(*arguments.split())

    ids = [element.get("id") for panel in panels for element in ElementTree.fromstring(panel).iter()]
    named = [i for i in ids if i]
    assert len(panels) >= 2
    assert len(named) == len(set(named)), "two panels share an identifier"
    for panel in panels:
        assert not re.search(r"(fill|stroke|color)[:=]\W*(#|rgb)", panel), (
            "a colour that does not change with the theme"
        )
        assert "font-family" not in panel
        assert "<text" in panel


def test_plots_are_the_same_each_time():
    assert _plots.svg("activation", "relu") == _plots.svg("activation", "relu")


def test_no_two_plots_of_a_page_share_an_identifier():
    for page in {page for page, _, _ in ON_PAGES}:
        panels = [panel for p, arguments, _ in ON_PAGES if p == page for panel in _plots.svg(*arguments.split())]
        named = [i for panel in panels for i in set(re.findall(r' id="(.*?)"', panel))]
        assert len(named) == len(set(named)), page


@pytest.mark.parametrize(("page", "arguments", "options"), ON_PAGES)
def test_each_plot_is_described_in_words(page, arguments, options):
    assert re.match(r":alt: \S.{40,}\.\n", options), (page.name, arguments)


def test_each_activation_is_plotted_on_its_page():
    plotted = {(page.stem, arguments) for page, arguments, _ in ON_PAGES}

    assert {(name, f"activation {name}") for name in ACTIVATIONS} <= plotted


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_line_bridges_a_jump_of_the_slope(name):
    _, slope = activation.draw(name)

    for line in slope.lines:
        if line.get_linestyle() == "-":
            assert np.abs(np.diff(line.get_ydata())).max(initial=0) < 0.2


@pytest.mark.parametrize("rule", ["sigmoid", "tanh", "elu", "softplus", "softmax_cross_entropy"])
def test_handgrads_line_stays_low(rule):
    for axes in tails.draw(rule):
        by_system = {line.get_label(): line.get_ydata() for line in axes.lines}
        assert by_system["handgrad"].max() < 4
