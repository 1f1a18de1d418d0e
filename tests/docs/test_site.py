"""The site builds with the command in CONTRIBUTING; its links work, and it fetches nothing from other hosts."""

import importlib.metadata
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

import handgrad
import oracle

EXTRA = ("sphinx", "furo", "myst-parser", "numpydoc", "sphinxcontrib-katex", "dukpy", "matplotlib", "dask")
DOCS = Path(__file__).parents[2] / "docs"
COMMAND = "-m sphinx -W --keep-going -n -b html"


def missing():
    for name in EXTRA:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield f"{name} (extra docs)"
    if not shutil.which("dot"):
        yield "dot (Graphviz)"


pytestmark = pytest.mark.skipif(any(missing()), reason=f"not installed: {', '.join(missing())}")


#: Builds each of the editions, given by their arguments in JSON, in one process: what both show is rendered once.
BUILD = """
import json, sys
from sphinx.cmd.build import main
sys.exit(max(main(arguments) for arguments in json.loads(sys.argv[1])))
"""


def build(*editions):
    """Build from sources to targets, each edition a tuple of both and of options, with the options of the command."""
    arguments = [
        [*COMMAND.split()[2:], "-q", "-c", str(DOCS), *options, str(source), str(target)]
        for source, target, *options in editions
    ]
    return subprocess.run(
        [sys.executable, "-c", BUILD, json.dumps(arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )


class Page(HTMLParser):
    """What a page can be linked to by, what it links to, and what a browser fetches to show it."""

    def __init__(self, file):
        super().__init__()
        self.file, self.ids, self.links, self.fetched = file, set(), set(), set()
        self.text = file.read_text()
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        if tag == "a":
            self.links.add(attrs.get("href") or "#")
        else:
            self.fetched |= {attrs[name] for name in ("src", "href", "xlink:href", "data", "poster") if attrs.get(name)}
            self.fetched |= {part.split()[0] for part in attrs.get("srcset", "").split(",") if part.strip()}
        self.fetched |= urls(attrs.get("style", ""))


def urls(css):
    return set(re.findall(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""", css))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    built = build((DOCS, target), (DOCS, target / "zh", "-D", "language=zh_CN"))
    assert built.returncode == 0, built.stderr
    return target


@pytest.fixture(scope="module")
def pages(site):
    return {file: Page(file) for file in site.rglob("*.html") if "_static" not in file.parts}


def test_contributing_gives_the_same_command():
    text = (DOCS.parent / "CONTRIBUTING.md").read_text()

    assert f"python {COMMAND} docs docs/_build/html" in text
    assert f"python {COMMAND} -D language=zh_CN docs docs/_build/html/zh" in text


def test_the_english_and_chinese_editions_link_to_each_other(pages, site):
    for page, language, title, other in [
        (
            pages[site / "derivations" / "two_layer.html"],
            "en",
            "The two-layer network",
            "../zh/derivations/two_layer.html",
        ),
        (
            pages[site / "zh" / "derivations" / "two_layer.html"],
            "zh-CN",
            "两层网络",
            "../../derivations/two_layer.html",
        ),
    ]:
        assert f'<html class="no-js" lang="{language}"' in page.text
        assert f"<h1>{title}<" in page.text
        assert other in page.links


def test_every_page_is_built(pages, site):
    sources = {file.relative_to(DOCS).with_suffix(".html") for file in DOCS.rglob("*.md") if "_build" not in file.parts}

    assert sources <= {file.relative_to(site) for file in pages}


def test_every_link_leads_to_an_existing_page_and_anchor(pages):
    dead = []
    for page in pages.values():
        for link in page.links:
            path, anchor = urldefrag(link)
            if urlsplit(path).scheme:
                continue
            target = (page.file.parent / unquote(path)).resolve() if path else page.file
            if not target.is_file() or (anchor and target in pages and unquote(anchor) not in pages[target].ids):
                dead.append(f"{page.file.name}: {link}")

    assert not dead


def test_nothing_is_fetched_from_outside(pages, site):
    fetched = {(page.file, url) for page in pages.values() for url in page.fetched | style_urls(page.text)}
    fetched |= {(file, url) for file in site.rglob("*.css") for url in urls(file.read_text())}

    for file, url in fetched:
        parts = urlsplit(url)
        if parts.scheme != "data" and not url.startswith("#"):
            assert not parts.scheme, (file, url)
            assert not parts.netloc, (file, url)
            assert (file.parent / unquote(parts.path)).exists(), (file, url)


def style_urls(html):
    return {url for style in re.findall(r"<style.*?</style>", html, re.DOTALL) for url in urls(style)}


def test_formulas_are_rendered_at_build_time_without_errors(pages):
    for page in pages.values():
        assert 'class="katex-error"' not in page.text, page.file
        assert "katex.min.js" not in page.text, page.file
    two_layer = next(page for page in pages.values() if page.file.stem == "two_layer")
    assert two_layer.text.count('class="katex"') > 20


def test_the_katex_styles_have_the_version_of_its_script():
    katex = pytest.importorskip("sphinxcontrib.katex")

    assert f'content:"{katex.katex_version}"' in (DOCS / "_static" / "katex" / "katex.min.css").read_text()


def test_graphs_are_images_with_a_text_alternative(pages):
    graphs = [svg for page in pages.values() for svg in re.findall(r'<div class="graphviz">([^>]*)>', page.text)]

    assert len(graphs) > 40
    for svg in graphs:
        assert re.search(r'^<svg role="img" aria-label="\w', svg), svg


def test_every_public_function_is_in_the_reference(pages):
    documented = set().union(*(page.ids for page in pages.values() if page.file.parent.name == "reference"))

    public = [*(getattr(handgrad, name) for name in handgrad.__all__), *handgrad.RULES.values()]
    names = {f"{f.__module__}.{f.__qualname__}" for f in public if callable(f)}
    names |= {f"oracle.{name}" for name in oracle.__all__}
    assert names <= documented


def test_docstrings_link_to_their_derivations(pages):
    rules = next(page for page in pages.values() if page.file.parts[-2:] == ("reference", "rules.html"))

    for name in handgrad.RULES:
        assert f"../derivations/{name}.html" in rules.links


def test_docstrings_refer_to_equations_by_number(pages):
    networks = next(page for page in pages.values() if page.file.parts[-2:] == ("reference", "networks.html"))

    assert "../derivations/two_layer.html#equation-two-layer-gradient" in networks.links
    assert re.search(
        r'eq\. <a [^>]*href="../derivations/two_layer.html#equation-two-layer-gradient">\(\d+\)', networks.text
    )


def test_pages_named_in_docstrings_exist():
    sources = [file for package in ("handgrad", "oracle") for file in (DOCS.parent / package).rglob("*.py")]
    named = {page for file in sources for page in re.findall(r"``docs/([\w/]+\.md)``", file.read_text())}

    assert {page for page in named if not (DOCS / page).exists()} == set()


def test_errors_on_a_page_fail_the_build(tmp_path):
    (tmp_path / "index.md").write_text(
        r"""# Wrong

An unknown command: $\frob$.

$$
\frac{1
$$

[No page](none.md), [no anchor](#nowhere), {eq}`nothing`.

```{graphviz}
digraph { x -> y }
```

```{graphviz}
:alt: none can be seen

digraph { x -> }
```

```{plot} activation relu
```

```{plot} activation none
:alt: none can be seen
```
"""
    )

    built = build((tmp_path, tmp_path / "_build"))

    assert built.returncode != 0
    for words in (
        r"index.md:3: WARNING: ParseError: KaTeX parse error: Undefined control sequence: \frob",
        r"index.md:5: WARNING: ParseError: KaTeX parse error",
        "none.md",
        "nowhere",
        "nothing",
        "index.md:11: WARNING: a graph without :alt:",
        "syntax error",
        "index.md:21: WARNING: a plot without :alt:",
        "index.md:24: WARNING: plot activation none: KeyError('none')",
    ):
        assert words in built.stderr, built.stderr


def test_a_new_derivation_and_a_new_family_are_listed(monkeypatch):
    namespace = runpy.run_path(str(DOCS / "conf.py"))
    pages = {f"derivations/{page.stem}" for page in (DOCS / "derivations").glob("*.md")}
    app = SimpleNamespace(env=SimpleNamespace(found_docs={*pages, "derivations/rms_norm", "guides/speed"}))

    def listed(name):
        source = [(DOCS / f"{name}.md").read_text()]
        namespace["list_new_pages"](app, name, source)
        return source[0].removeprefix((DOCS / f"{name}.md").read_text())

    assert ":caption: More rules\n\nderivations/rms_norm\n```\n\n## Guides" in listed("index")
    assert listed("reference/rules") == ""

    rule = SimpleNamespace(__module__="handgrad.rules.batch_statistics")
    monkeypatch.setitem(handgrad.RULES, "new", rule)

    assert "\n## Batch statistics\n\n```{eval-rst}\n.. automodule:: handgrad.rules.batch" in listed("reference/rules")
