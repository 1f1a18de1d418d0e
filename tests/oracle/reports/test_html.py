"""The verdict as a page: whole or not at all, self-contained, and opened in a browser."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import oracle
from handgrad import two_layer
from oracle.diagnosis import VOCABULARY
from oracle.reports import html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def wrong(params, X, y, reg):
    loss, grads = two_layer.loss_and_grad(params, X, y, reg)
    return loss, {**grads, "W2": grads["W2"] + reg * params["W2"], "b1": grads["b1"] / len(X)}


@pytest.fixture(scope="module")
def verdict():
    return oracle.check(wrong, "two_layer")


def test_page_has_what_the_verdict_says(verdict, tmp_path):
    page = tmp_path / "report.html"

    verdict.to_html(page)

    text = page.read_text()
    for cause in ("l2-doubled", "bias-averaged"):
        assert f"<strong>{cause}</strong>: {VOCABULARY[cause].sentence}" in text
    assert "<math" in text
    assert "import numpy as np" in text
    assert text.count("data:image/png;base64,") == 2
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert [f.name for f in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_page_opens_in_a_browser_and_shows_everything(verdict, tmp_path):
    page = tmp_path / "report.html"
    verdict.to_html(page)
    browser = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]

    def opened(*options):
        command = [*browser, *options, page.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    picture = tmp_path / "page.png"
    dumped = opened("--virtual-time-budget=2000", "--dump-dom")
    opened(f"--screenshot={picture}")

    assert 'two_layer: <span class="wrong">wrong</span>' in dumped
    assert dumped.count("<math") == page.read_text().count("<math")
    from matplotlib.image import imread

    pixels = imread(picture)
    assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 100  # text and colours, and no blank page


def test_algebra_of_every_cause_can_be_typeset():
    for name, cause in VOCABULARY.items():
        if cause.algebra:
            assert ET.fromstring(html._mathml(cause.algebra)).tag.endswith("math"), name


def test_a_right_verdict_has_a_page_too(tmp_path):
    oracle.check(two_layer.loss_and_grad, "two_layer", examples=10).to_html(tmp_path / "right.html")

    assert '<span class="correct">correct</span>' in (tmp_path / "right.html").read_text()


def test_what_a_candidate_calls_itself_is_no_markup(tmp_path):
    def evil(params, X, y, reg):
        raise ValueError("<script>alert(1)</script>")

    oracle.check(evil, "two_layer", examples=5).to_html(tmp_path / "page.html")

    assert "<script>" not in (tmp_path / "page.html").read_text()


def test_last_page_stays_where_a_new_one_cannot_be_written(verdict, tmp_path, monkeypatch):
    page = tmp_path / "report.html"
    page.write_text("the last one")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no space left")))

    with pytest.raises(OSError, match="no space left"):
        verdict.to_html(page)

    assert page.read_text() == "the last one"
    assert [f.name for f in tmp_path.iterdir()] == ["report.html"]


def test_missing_extra_is_named(verdict, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "latex2mathml.converter", None)

    with pytest.raises(ImportError, match=r"pip install 'handgrad\[report\]'"):
        verdict.to_html(tmp_path / "report.html")
