"""Sphinx configuration: ``python -m sphinx -W --keep-going -n -b html docs docs/_build/html``. Needs no network."""

import importlib.metadata
import re
import sys
from pathlib import Path

import handgrad

sys.path.append(str(Path(__file__).parent / "_extensions"))

project = "handgrad"
copyright = "the handgrad authors, MIT licence"
release = importlib.metadata.version("handgrad")

extensions = [
    "myst_parser",  # the pages are Markdown
    "sphinx.ext.autodoc",  # the reference comes from the docstrings,
    "numpydoc",  # which follow NumPy's style
    "formulas",
    "pictures",
    "plots",
    "executed",
]
exclude_patterns = ["_build"]
nitpicky = True

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3  # page.md#a-heading, as on code hosts

locale_dirs = ["locale"]  # the Chinese edition of the derivations: -D language=zh_CN
gettext_compact = False
gettext_location = False

html_theme = "furo"
html_title = "handgrad"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_sidebars = {
    "**": [
        *("sidebar/brand.html", "language.html", "sidebar/search.html", "sidebar/scroll-start.html"),
        *("sidebar/navigation.html", "sidebar/scroll-end.html"),
    ]
}
html_css_files = ["site.css"]
html_js_files = [("scrolling.js", {"defer": "defer"})]
html_show_sphinx = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

katex_prerender = True  # a page shows its formulas without a script
katex_css_path = "katex/katex.min.css"  # and fonts, of sphinxcontrib-katex's version

# the style of all graphs; the stylesheet colours them
graphviz_dot_args = [
    *("-Gbgcolor=transparent", "-Gnodesep=0.2", "-Granksep=0.25"),
    *("-Nshape=box", "-Nstyle=rounded", "-Nfontname=Helvetica", "-Nheight=0.4", "-Nwidth=0.4", "-Nmargin=0.12,0.06"),
    *("-Efontname=Helvetica", "-Efontsize=13", "-Earrowsize=0.7"),
]

autodoc_typehints = "none"  # types and shapes are in the docstrings
autodoc_member_order = "bysource"
add_module_names = False
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"


def read_references(app, what, name, obj, options, lines):
    """Turn ``docs/page.md`` and ``eq. label``, which docstrings use for readers of the source, into links."""
    lines[:] = [
        re.sub(r"^(\s*)(?=[A-Z]\. )", r"\1\\", line) for line in lines
    ]  # an author's initial does not start a list
    lines[:] = [re.sub(r"\beq\. (\w+-[\w-]+)", r"eq. :eq:`\1`", line) for line in lines]
    for page in set(re.findall(r"``docs/([\w/]+)\.md``", "\n".join(lines))) & app.env.found_docs:
        lines[:] = [line.replace(f"``docs/{page}.md``", f":doc:`/{page}`") for line in lines]


def list_new_pages(app, docname, source):
    """Add to the index the derivations, and to the reference the families of rules, that these do not list by hand."""
    listed = source[0].split()
    if docname == "index":
        pages = sorted(page for page in app.env.found_docs if page.startswith("derivations/") and page not in listed)
        toctree = ["```{toctree}", ":maxdepth: 1", ":caption: More rules", "", *pages, "```", "", ""]
        if pages:
            source[0] = source[0].replace("## Guides\n", "\n".join(toctree) + "## Guides\n", 1)
    if docname == "reference/rules":
        for family in sorted({rule.__module__ for rule in handgrad.RULES.values()} - {*listed}):
            title = family.rpartition(".")[2].replace("_", " ").capitalize()
            source[0] += f"\n## {title}\n\n```{{eval-rst}}\n.. automodule:: {family}\n   :members:\n```\n"


def read_lists_again(app, env, added, changed, removed):
    """Return the pages that list others, if there are new ones."""
    return ["index", "reference/rules"] if added or removed else []


def give_captions_a_level(app, pagename, templatename, context, doctree):
    """Add the heading level of the captions in lists of pages, which Sphinx omits and screen readers need."""
    for part in {"body", "furo_navigation_tree"} & context.keys():
        context[part] = context[part].replace(' role="heading">', ' role="heading" aria-level="2">')


def setup(app):
    """Register the functions above."""
    app.connect("env-get-outdated", read_lists_again)
    app.connect("source-read", list_new_pages)
    app.connect("autodoc-process-docstring", read_references)
    app.connect("html-page-context", give_captions_a_level, priority=900)  # after the theme has built its navigation
