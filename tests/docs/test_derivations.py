"""The derivations cannot drift from the code: their checks run, their code is included, their links work."""

import re
from pathlib import Path

import pytest

import handgrad

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
DERIVATIONS = [page for page in PAGES if page.parent.name == "derivations"]

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def run(text, name):
    """Run the Python blocks of a page in order, in one namespace."""
    variables = {}
    for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        exec(compile(block, name, "exec"), variables)
    return variables


#: Every rule, and the networks whose docstrings name their derivation.
DERIVED = [
    *handgrad.RULES,
    *(name for name, network in handgrad.NETWORKS.items() if "docs/derivations/" in (network.__doc__ or "")),
]


@pytest.mark.parametrize("name", DERIVED)
def test_every_rule_and_derived_network_has_a_page(name):
    assert (DOCS / "derivations" / f"{name}.md").exists()


def test_the_networks_that_handgrad_exports_are_derived():
    assert set(handgrad.__all__) & set(handgrad.NETWORKS) <= set(DERIVED)


@each_page
def test_checks_on_the_page_hold(page):
    text = page.read_text()

    variables = run(text, page.name)

    if page in DERIVATIONS:
        assert "oracle" in variables, "a derivation must check itself"
        assert text.count("assert ") >= 3


@pytest.mark.parametrize("name", DERIVED)
def test_page_shows_the_code_itself(name):
    text = (DOCS / "derivations" / f"{name}.md").read_text()

    included = re.findall(r"```\{literalinclude\} (\S+)\n:pyobject: (\w+)\n```", text)

    shown = {function for _, function in included}
    assert ({name} if name in handgrad.RULES else {"loss_and_grad"}) <= shown
    for file, function in included:
        assert re.search(rf"^def {function}\(", (DOCS / "derivations" / file).read_text(), re.MULTILINE)


@each_page
def test_links_work(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert link.startswith("https://") or target.exists(), link
        if anchor and file.endswith((".md", "")):
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}, link


@pytest.mark.parametrize(
    ("page", "right", "wrong"),
    [
        ("two_layer", "dh = ds @ W2.T", "dh = ds @ W2.T * 1.0001"),
        ("two_layer", "dz1 = (z1 > 0) * dh", "dz1 = (z1 > 0) * dh * (h < 1)"),
        ("affine", "x.T @ dz", "dz.T @ x"),
        ("softmax_cross_entropy", "(p - np.eye(4)[y]) / 5", "p / 5"),
        ("kinks", "(leaky_relu, jax.nn.leaky_relu, 0.0, 1.0)", "(leaky_relu, jax.nn.leaky_relu, 0.0, 0.01)"),
        ("relu", "np.where(z >= 0, dh, 0)", "np.where(z > 0, dh, 0)"),
    ],
)
def test_a_planted_error_on_a_page_is_noticed(page, right, wrong):
    text = (DOCS / "derivations" / f"{page}.md").read_text()
    assert right in text

    with pytest.raises(AssertionError):
        run(text.replace(right, wrong), page)
