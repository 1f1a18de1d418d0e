"""The playground: its numbers are handgrad's, its mistakes the catalogue's, its verdicts the oracle's."""

import functools
import html
import json
import math
import re
import secrets
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from handgrad import affine, relu, softmax_cross_entropy, two_layer
from handgrad.rules.penalties import l2_value
from tests.mistakes.two_layer import Quantities
from tests.tools import playground

DOCS = Path(__file__).parents[2] / "docs"
STATIC = DOCS / "_static" / "playground"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

PARAMS = ("W1", "b1", "W2", "b2")
RETURNED = {"J": "loss", **{f"d{name}": name for name in PARAMS}}
ON_THE_PAGE = ("XW1", "z1", "h", "hW2", "s", "p", "L", "R", "J", "ds", "dh", "dz1", *RETURNED, "dX")

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --dump-dom"
)
#: The page may fetch its own files, and nothing else.
POLICY = "default-src 'none'; script-src file: 'unsafe-inline'; style-src file: 'unsafe-inline'"
BEFORE = """
const report = { errors: [] };
for (const kind of ["error", "securitypolicyviolation"])
  addEventListener(kind, (e) => report.errors.push(e.message ?? e.blockedURI), true);
"""
AFTER = """
addEventListener("load", () => {
  try { examine(report); } catch (e) { report.errors.push(e.stack); }
  report.fetched = [...document.querySelectorAll("[src], link")].map((e) => e.src ?? e.href);
  const made = document.createElement("pre");
  made.id = "report";
  made.textContent = JSON.stringify(report);
  document.body.append(made);
});
"""


def opened(folder, examine="() => {}", more="", **given):
    """Open the playground in a bare page, and return the report of the script ``examine``, with the console output."""
    shutil.copytree(STATIC, folder / "_static" / "playground")
    data = "".join(f"const {name} = {json.dumps(value)};" for name, value in given.items())
    page = folder / "page.html"
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>page</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><script>{BEFORE}</script>'
        f"<body>{more}{(STATIC / 'playground.html').read_text()}"
        f"<script>{data}const examine = {examine};{AFTER}</script></body></html>"
    )
    command = [CHROMIUM, *FLAGS.split(), f"--user-data-dir={folder / 'profile'}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    (text,) = re.findall(r'<pre id="report">(.*?)</pre>', done.stdout, re.DOTALL)
    return json.loads(html.unescape(text)) | {"console": [x for x in done.stderr.splitlines() if ":CONSOLE" in x]}


# ------------------------------------------------------------------------------------------------------------ states


def drawn(rng):
    """Draw a state: one that the sliders can set, with kinks and zeros; one with extreme scores; or any numbers."""
    kind = rng.choice(["sliders", "sliders", "extreme", "any"])
    shapes = {"X": (2, 3), "W1": (3, 4), "b1": (4,), "W2": (4, 3), "b2": (3,)}
    if kind == "any":
        scale = rng.choice([1e-3, 1.0, 3.0])
        state = {name: scale * rng.standard_normal(shape) for name, shape in shapes.items()}
    else:  # quarters: exact up to the scores, so that both languages see the same kinks
        most = 48 if kind == "extreme" else rng.choice([2, 4, 12])
        state = {name: rng.integers(-most, most + 1, shape) / 4 for name, shape in shapes.items()}
        for name in state:
            state[name] *= rng.random(state[name].shape) >= rng.choice([0, 0.3, 0.3, 1], p=[0.3, 0.4, 0.25, 0.05])
    reg = rng.choice([0, 0.1, 0.5, 1])
    return {**{name: a.tolist() for name, a in state.items()}, "reg": float(reg), "y": rng.integers(0, 3, 2).tolist()}


SEED = secrets.randbelow(2**32)  # printed in messages, to reproduce a failure
STATES = [drawn(rng) for rng in map(np.random.default_rng, (0, SEED)) for _ in range(500)]


class Problem:
    def __init__(self, state):
        self.X, self.y = np.array(state["X"], float), np.array(state["y"])
        self.params = {name: np.array(state[name], float) for name in PARAMS}
        self.reg = state["reg"]
        self.scores = two_layer.scores(self.params, self.X)


PROBLEMS = [Problem(state) for state in STATES]
MODERATE = [i for i, p in enumerate(PROBLEMS) if np.max(np.abs(p.scores)) < 6][:200]


def by_handgrad(p):
    """Return every quantity of the page, from handgrad's rules and its two-layer network."""
    W1, b1, W2, b2 = p.params.values()
    z1, _ = affine(p.X, W1, b1)
    h, relu_backward = relu(z1)
    s, s_backward = affine(h, W2, b2)
    L, L_backward = softmax_cross_entropy(s, labels=p.y)
    (ds,) = L_backward(1.0)
    dh, _, _ = s_backward(ds)
    (dz1,) = relu_backward(dh)
    J, grads = two_layer.loss_and_grad(p.params, p.X, p.y, p.reg, input_grad=True)
    e = np.exp(s - s.max(axis=1, keepdims=True))
    of = {"XW1": p.X @ W1, "z1": z1, "h": h, "hW2": h @ W2, "s": s, "p": e / e.sum(axis=1, keepdims=True), "L": L}
    of |= {"R": l2_value(W1, p.reg) + l2_value(W2, p.reg), "J": J, "ds": ds, "dh": dh, "dz1": dz1}
    return of | {f"d{name}": g for name, g in grads.items()}


def sizes(p, q):
    """Return the sum of the absolute terms of each entry, to which its rounding is relative."""
    W1, b1, W2, b2 = map(np.abs, p.params.values())
    X, ds, on = np.abs(p.X), np.abs(q["ds"]), q["z1"] > 0
    z1 = X @ W1 + b1
    s = z1 * on @ W2 + b2
    dz1 = ds @ W2.T  # also where a unit is off, since a mistake may let it through
    of = {"XW1": z1, "z1": z1, "h": z1, "hW2": s, "s": s, "dh": dz1, "dz1": dz1, "dX": dz1 @ W1.T}
    of |= {"dW1": X.T @ dz1 + p.reg * W1, "db1": dz1.sum(0), "dW2": (z1 * on).T @ ds + p.reg * W2, "db2": ds.sum(0)}
    return {name: of.get(name, np.abs(value)) for name, value in q.items()}


# ------------------------------------------------------------------------------------------------- what the page says

EXAMINE = """(report) => {
  const full = (x) => String(x).replaceAll("-", "−");
  const written = Object.keys(handgrad.WRITTEN);
  report.numbers = STATES.map((state) => {
    const q = handgrad.evaluate(state);
    return Object.fromEntries(NAMES.map((name) => [name, q[name]]));
  });
  report.mistakes = MODERATE.map((i) => {
    const right = handgrad.evaluate(STATES[i]);
    return Object.fromEntries(Object.entries(handgrad.MISTAKES).map(([name, mistake]) => {
      const q = handgrad.evaluate(STATES[i], mistake.formulas);
      return [name, {
        given: handgrad.RETURNED.map((of) => q[of]),
        wrong: handgrad.RETURNED.flatMap((of) => handgrad.wrongEntries(q, right, of).map(([at]) => [of, at])),
        hides: mistake.hides.filter(([holds]) => holds(right)).map(([, text]) => text),
        why: handgrad.whyHidden(mistake, right),
      }];
    }));
  });
  report.filled = MODERATE.slice(0, 8).flatMap((i) =>
    [{ formulas: {}, written: {} }, ...Object.values(handgrad.MISTAKES)].flatMap((mistake) => {
      const q = handgrad.evaluate(STATES[i], mistake.formulas);
      return written.flatMap((name) => handgrad.entriesOf(name).map((at) => [
        `${name}[${at}]`, handgrad.filledIn(q, name, at, mistake.written[name], full), handgrad.entry(q, name, at),
      ]));
    }));

  const $ = (id) => document.getElementById(`pg-${id}`);
  const shown = () => ({
    y: [...$("labels").querySelectorAll("select")].map((s) => Number(s.value)),
    sliders: Object.fromEntries([...document.querySelectorAll("#playground label:has(input)")].map((l) =>
      [l.firstChild.firstChild.textContent, l.querySelector("input").value])),
    entries: [...$("graph").querySelectorAll("button")].map((b) => b.textContent),
    chosen: $("graph").querySelector("[aria-pressed=true]").textContent,
    lines: [...$("gradient").children].map((line) => line.textContent),
    verdict: $("verdict").textContent,
    oracle: $("oracle").textContent,
    wrong: [...$("wrong").tBodies[0].rows].map((row) => row.textContent),
    tabulator: $("graph").querySelectorAll("button[tabindex='0']").length,
  });
  const set = (control, value, kind) => {
    control.value = value;
    control.dispatchEvent(new Event(kind, { bubbles: true }));
  };
  const preset = (i) => $("presets").children[i].click();
  const plant = (name) => set($("mistake"), name, "change");

  report.moved = [shown()];
  for (const name of ["reg", "X", "W1", "b1", "W2", "b2"]) {
    const label = [...document.querySelectorAll("#playground label")].find((l) => l.textContent.startsWith(name));
    set(label.querySelector("input"), name === "reg" ? 0.45 : 1.75, "input");
    report.moved.push(shown());
  }
  set($("selected-slider").querySelector("input"), -2.5, "input");
  report.moved.push(shown());
  set($("labels").querySelector("select"), 1, "change");
  report.moved.push(shown());
  for (const i of [0, 1, 2, 3]) { preset(i); report.moved.push(shown()); }

  preset(0);
  $("graph").querySelector("[aria-pressed=true]").dispatchEvent(
    new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  report.arrow = shown();
  plant("mean taken twice");
  report.planted = shown();
  plant("penalty gradient of W1 missing");
  set($("reg").querySelector("input"), 0, "input");
  report.hidden = shown();
  plant("");
  report.none = shown();
  report.order = [...$("mistake").options].map((o) => [o.value, o.textContent]);
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    folder = tmp_path_factory.mktemp("playground")
    return opened(folder, EXAMINE, STATES=STATES, NAMES=ON_THE_PAGE, MODERATE=MODERATE)


def test_page_loads_without_errors_and_fetches_only_its_own_files(report):
    assert report["errors"] == []
    assert report["console"] == []
    assert sorted(Path(url).name for url in report["fetched"]) == sorted(
        f.name for f in STATIC.iterdir() if f.suffix in (".css", ".js")
    )
    assert all(url.startswith("file:") for url in report["fetched"])


@needs_chromium
def test_request_to_another_host_would_be_noticed(tmp_path):
    report = opened(tmp_path, more='<img src="https://example.org/x.png" alt="">')

    assert any("https://example.org" in error for error in report["errors"])
    assert report["console"]


def test_site_includes_the_page_under_test():
    assert "```{raw} html\n:file: _static/playground/playground.html\n```" in (DOCS / "playground.md").read_text()


def test_numbers_equal_handgrads(report):
    assert len(STATES) == 1000
    for state, p, given in zip(STATES, PROBLEMS, report["numbers"]):
        expected = by_handgrad(p)
        for name, size in sizes(p, expected).items():
            error = np.abs(np.array(given[name]) - expected[name])
            assert np.all(error <= 1e-12 * size + 1e-300), (SEED, name, state)


def test_gradients_of_a_sure_label_keep_their_digits(report):
    lead = [p.scores[n, p.y[n]] - np.max(np.delete(p.scores[n], p.y[n])) for p in PROBLEMS for n in range(2)]
    ds = [g["ds"][n][p.y[n]] for g, p in zip(report["numbers"], PROBLEMS) for n in range(2)]

    sure = [d for d, by in zip(ds, lead) if 37 < by < 700]
    assert len(sure) > 20
    assert all(d < 0 for d in sure)  # p − 1 would be 0


def test_states_include_kinks_extremes_and_zeros():
    z1 = [p.X @ p.params["W1"] + p.params["b1"] for p in PROBLEMS]

    assert sum(np.any(z == 0) for z in z1) > 100
    assert sum(np.max(np.abs(p.scores)) > 700 for p in PROBLEMS) > 50
    assert sum(p.reg == 0 for p in PROBLEMS) > 100
    assert len(MODERATE) == 200


# ---------------------------------------------------------------------------------------------------------- mistakes


def test_mistakes_come_from_the_catalogue(report):
    verdicts = _committed_verdicts()

    assert list(verdicts) == list(playground.PLANTED)
    assert set(report["mistakes"][0]) == set(playground.PLANTED)
    assert report["order"] == [["", "none"], *([name, f"{v['cause']}: {name}"] for name, v in verdicts.items())]


@pytest.mark.parametrize("name", playground.PLANTED)
def test_wrong_entries_are_the_same_as_in_python(report, name):
    for i, found in zip(MODERATE, report["mistakes"]):
        right, terms = _right(i)
        q = Quantities(PROBLEMS[i], playground.PLANTED[name].formulas).answer

        wrong = set()
        for (of, array), given in zip(RETURNED.items(), found[name]["given"]):
            a, b = np.asarray(q[array]), np.asarray(right[array])
            np.testing.assert_allclose(given, a, rtol=1e-9, atol=1e-13 * (1 + np.max(np.abs(a))), err_msg=str(SEED))
            differs = np.abs(a - b) > 1e-9 * terms[of]
            wrong |= {(of, tuple(map(int, at))) for at in np.argwhere(differs)}
        assert {(of, tuple(at)) for of, at in found[name]["wrong"]} == wrong, (SEED, STATES[i])


@functools.cache
def _right(i):
    return Quantities(PROBLEMS[i], {}).answer, sizes(PROBLEMS[i], by_handgrad(PROBLEMS[i]))


@pytest.mark.parametrize("name", playground.PLANTED)
def test_mistake_is_hidden_exactly_where_the_page_says_so(report, name):
    for i, found in zip(MODERATE, report["mistakes"]):
        if found[name]["hides"]:
            assert found[name]["wrong"] == [], (SEED, found[name]["why"], STATES[i])
        elif not found[name]["wrong"]:
            assert "cancel" in found[name]["why"]

    hidden = [found[name] for found in report["mistakes"] if not found[name]["wrong"]]
    assert sum(not h["hides"] for h in hidden) <= 10  # by chance


def test_every_mistake_shows_somewhere_except_the_one_that_cannot(report):
    shows = {name for found in report["mistakes"] for name, m in found.items() if m["wrong"]}

    assert set(playground.PLANTED) - shows == {"transpose missing where H = C"}


def test_verdicts_equal_the_oracles():
    committed = _committed_verdicts()

    for name in playground.PLANTED:
        assert committed[name] == playground.verdict(name), "python -m tests.tools.playground > …/verdicts.js"


def _committed_verdicts():
    lines = (STATIC / "verdicts.js").read_text().splitlines()
    return json.loads("{" + "".join(line for line in lines if line.startswith('  "')).rstrip(",") + "}")


# ----------------------------------------------------------------------------------------------------------- the page


def test_filled_in_formulas_evaluate_to_the_numbers(report):
    assert len(report["filled"]) > 1000
    for label, text, value in report["filled"]:
        assert math.isclose(_worked_out(text), value, rel_tol=1e-9, abs_tol=1e-13), (label, text, value)


def _worked_out(text):
    for written, python in ("−-", "·*", ("½", "0.5"), ("≥", ">="), (" = ", " == "), "[(", "])"):
        text = text.replace(written, python)
    return eval(text, {"exp": math.exp, "log": math.log, "max": max})


def test_after_moving_a_slider_numbers_equal_handgrads(report):
    moved = report["moved"]

    assert len(moved) == 13
    for before, after in zip(moved, moved[1:]):
        assert before["entries"] != after["entries"]
    for shown in moved:
        state = {name: np.zeros(shape) for name, shape in (("X", (2, 3)), ("W1", (3, 4)), ("W2", (4, 3)))}
        state |= {"b1": np.zeros(4), "b2": np.zeros(3), "y": shown["y"], "reg": float(shown["sliders"].pop("reg"))}
        assert len(shown["sliders"]) == 37
        for label, value in shown["sliders"].items():
            name, index = re.fullmatch(r"(\w+)\[([\d,]+)\]", label).groups()
            state[name][tuple(map(int, index.split(",")))] = float(value)
        q = by_handgrad(Problem(state)) | state
        for entry in shown["entries"]:
            name, index, value, gradient = re.fullmatch(
                r"(\w+)(?:\[([\d,]+)\])? is (\S+?)(?:, gradient (\S+))?", entry.replace("−", "-")
            ).groups()
            at = tuple(map(int, index.split(","))) if index else ()
            assert _is_rounded(float(value), q[name][at] if at else q[name]), entry
            kept = {"dXW1": "dz1", "dhW2": "ds"}.get(f"d{name}", f"d{name}")
            if kept in q:
                assert _is_rounded(float(gradient), q[kept][at]), entry


def _is_rounded(shown, x):
    half = 0.005 if abs(x) < 10 else 0.05 if abs(x) < 100 else 0.5  # of the last digit
    return abs(shown - x) <= 1.001 * half and (shown == 0) == (x == 0)


def test_chosen_entry_is_explained(report):
    start = report["moved"][0]

    assert start["chosen"].startswith("W2[1,0] is −0.75, gradient ")
    assert start["lines"][0] == "dW2[1,0] = Σn h[n,1]·ds[n,0] + reg·W2[1,0]"
    assert re.fullmatch(r" = 0\.5·\(−0\.\d+\) \+ 2·0\.\d+ \+ 0\.1·\(−0\.75\)", start["lines"][1])


def test_arrow_keys_move_within_an_array_and_tab_between_arrays(report):
    assert report["arrow"]["chosen"].startswith("W2[1,1] is ")
    assert report["arrow"]["tabulator"] == 13


def test_planted_mistake_shows_on_the_page(report):
    shown = report["planted"]

    assert shown["verdict"] == "Detected: 31 of 32 numbers are wrong."
    assert [row[:3] for row in shown["wrong"]] == ["dW1", "db1", "dW2", "db2"]
    assert "cause: mean-twice: The mean over the batch is taken twice" in shown["oracle"]
    assert "planted" in "".join(shown["lines"])
    assert sum(", wrong" in entry for entry in shown["entries"]) > 31


def test_undetectable_mistake_is_explained(report):
    shown = report["hidden"]

    assert shown["verdict"].startswith("Not detectable in this state, because reg is 0")
    assert "cause: l2-missing" in shown["oracle"]
    assert shown["wrong"] == []
    assert report["none"]["verdict"].startswith("No mistake is planted")
    assert report["none"]["oracle"] == ""
