"""The Chinese edition of the derivations says all that the English one says."""

import shutil

import pytest

from tests.tools import untranslated

pytest.importorskip("sphinx", reason="not installed: sphinx (extra docs)")


@pytest.fixture(scope="module")
def strings(tmp_path_factory):
    return untranslated.extracted(tmp_path_factory.mktemp("strings"))


def test_nothing_is_left_untranslated(strings):
    assert [*untranslated.complaints(strings)] == []


def test_what_is_missing_old_or_changed_is_listed(strings, tmp_path, monkeypatch):
    only = tmp_path / "strings"
    only.mkdir()
    for page in ("relu", "affine"):
        shutil.copy(strings / f"{page}.pot", only)
    translations = tmp_path / "translations" / "derivations"
    translations.mkdir(parents=True)
    text = (untranslated.TRANSLATIONS / "derivations" / "relu.po").read_text()
    title = 'msgid "The rectified linear unit"\nmsgstr'
    assert title in text
    before, formula, after = text.replace(title, 'msgid "An older title"\nmsgstr').rpartition("$h > 0$")
    (translations / "relu.po").write_text(before + formula.replace(">", "<") + after)
    monkeypatch.setattr(untranslated, "TRANSLATIONS", translations.parent)
    monkeypatch.setattr(untranslated, "DOCS", tmp_path)

    listed = [*untranslated.complaints(only)]

    assert listed[0] == "affine: there is no translations/derivations/affine.po"
    assert "relu: untranslated: The rectified linear unit" in listed
    assert any(line.startswith("relu: other formulas, code or links: ") for line in listed)
