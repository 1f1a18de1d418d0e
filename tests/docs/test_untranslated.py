"""The translations are well formed, and the command that lists what they lack finds it.

The Chinese edition is complete at a release, not at each commit, so no test asks for completeness.
"""

import pytest

from tests.tools import untranslated

pytest.importorskip("babel", reason="not installed: sphinx (extra docs), which brings babel")
FILES = sorted(untranslated.TRANSLATIONS.rglob("*.po"))

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


@each_file
def test_file_belongs_to_a_page(file):
    page = file.relative_to(untranslated.TRANSLATIONS).with_suffix(".md")

    assert (untranslated.DOCS / page).exists()


@each_file
def test_no_translation_is_empty_fuzzy_or_obsolete(file):
    catalogue = untranslated.read(file)

    assert len(catalogue) > 0
    assert [message.id for message in catalogue if message.id and (message.fuzzy or not message.string)] == []
    assert list(catalogue.obsolete) == []


@each_file
def test_translations_keep_formulas_code_and_links(file):
    for message in untranslated.read(file):
        assert not message.id or untranslated.keeps_formulas(message.id, message.string)


def test_a_malformed_file_is_an_error(tmp_path):
    from babel.messages.pofile import PoFileError

    file = tmp_path / "relu.po"
    file.write_text('msgid "a"\nmsgtsr "b"\n')

    with pytest.raises(PoFileError):
        untranslated.read(file)


@pytest.mark.parametrize(
    ("original", "translation", "kept"),
    [
        ("$x$ and $y$", "$y$ 与 $x$", True),
        ("[`relu`](relu.md)", "[`relu`](relu.md)", True),
        ("$x > 0$", "$x < 0$", False),
        ("`dz`", "dz", False),
        ("[a](a.md)", "[a](b.md)", False),
    ],
)
def test_formulas_code_and_links_are_compared(original, translation, kept):
    assert untranslated.keeps_formulas(original, translation) == kept


def write(file, **translations):
    file.parent.mkdir(parents=True, exist_ok=True)
    entries = [f'msgid "{original}"\nmsgstr "{translation}"\n' for original, translation in translations.items()]
    file.write_text("\n".join(['msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n', *entries]))


def test_what_is_missing_old_or_changed_is_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(untranslated, "DOCS", tmp_path)
    monkeypatch.setattr(untranslated, "TRANSLATIONS", tmp_path / "zh")
    strings = tmp_path / "strings"
    write(strings / "affine.pot", **{"The affine map": ""})
    write(strings / "relu.pot", **{"A new title": "", "Where $z > 0$.": "", "Now.": "", "The chain rule.": ""})
    write(
        tmp_path / "zh" / "derivations" / "relu.po",
        **{"An old title": "旧标题", "Where $z > 0$.": "当 $z < 0$ 时。", "Now.": "", "The chain rule.": "链式法则。"},
    )

    assert [*untranslated.missing(strings)] == [
        "affine: there is no zh/derivations/affine.po",
        "relu: untranslated: A new title",
        "relu: other formulas, code or links: Where $z > 0$.",
        "relu: untranslated: Now.",
    ]


def test_every_derivation_has_strings_to_translate(tmp_path):
    pytest.importorskip("sphinx", reason="not installed: sphinx (extra docs)")
    strings = untranslated.extract_strings(tmp_path)

    pages = {page.stem for page in (untranslated.DOCS / "derivations").glob("*.md")}
    assert {file.stem for file in strings.glob("*.pot")} == pages
