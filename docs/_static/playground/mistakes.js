// Mistakes from the catalogue (tests/mistakes/): the formulas that each replaces, how the page writes them, and the
// states in which they give correct numbers all the same. The oracle's verdict on each is in verdicts.js.
"use strict";

(() => {
  const { FORMULAS: right, each, product, columns, plusMultiple, sumOverRows, squares } = handgrad;
  const times = (factor, A) => each((a) => factor * a, A);
  const all = (test, A, ...others) => A.every((row, i) => row.every((a, j) => test(a, ...others.map((B) => B[i][j]))));
  const alike = (A) => A[0].every((a, j) => a === A[1][j]);
  const zero = (A) => A.flat().every((a) => a === 0);

  // A condition on the correct quantities q, and the reason that hides the mistake where it holds.
  const SURE = [(q) => zero(q.ds), "every example is so sure of its label that ds has underflowed to 0."];
  const NO_REG = [(q) => q.reg === 0, "reg is 0: there is no penalty, so its gradient cannot be wrong."];
  const NOTHING_ON = [(q) => zero(q.h), "no hidden unit is on: the mask stops every gradient, correct or not."];
  const NOTHING_COMES = [(q) => zero(q.dh), "dh is 0: no gradient reaches the hidden units."];

  handgrad.MISTAKES = {
    "sum over the batch and not the mean": {
      formulas: { L: (q) => q.N * right.L(q), ds: (q) => times(q.N, right.ds(q)) },
      written: { L: "Σn{−log(p[n,y])}", ds: "p[n,c] − [c = y]" },
      hides: [SURE],
    },
    "mean taken twice": {
      formulas: { ds: (q) => times(1 / q.N, right.ds(q)) },
      written: { ds: "(p[n,c] − [c = y])/N/N" },
      hides: [SURE],
    },
    "bias gradients averaged": {
      formulas: {
        db1: (q) => right.db1(q).map((b) => b / q.N),
        db2: (q) => right.db2(q).map((b) => b / q.N),
      },
      written: { db1: "1/N·(Σn{dz1[n,j]})", db2: "1/N·(Σn{ds[n,c]})" },
      hides: [SURE, [(q) => zero([q.db1, q.db2]), "the bias gradients are 0."]],
    },
    "label's 1 not subtracted": {
      formulas: { ds: (q) => times(1 / q.N, q.p) },
      written: { ds: "p[n,c]/N" },
      hides: [],
    },
    "target minus output": {
      formulas: { ds: (q) => times(-1, right.ds(q)) },
      written: { ds: "([c = y] − p[n,c])/N" },
      hides: [SURE],
    },
    "labels shifted by a row": {
      formulas: { ds: (q) => right.ds(handgrad.evaluate({ ...q.state, y: [q.y.at(-1), ...q.y.slice(0, -1)] })) },
      written: { ds: "(p[n,c] − [c = y[n−1]])/N" },
      hides: [
        [(q) => q.y[0] === q.y[1], "both examples have the same label."],
        [
          (q) => alike(q.h) && (alike(q.X) || alike(q.dz1)),
          "both examples look the same to the network: swapping their labels makes no difference.",
        ],
      ],
    },
    "fancy index loses repeated labels": {
      formulas: {
        last: (q) => q.p.map((row, n) => row.map((_, c) => Number(q.y.lastIndexOf(c) === n))),
        lossy: (q) => each((ds, p, last, e) => (last || !e ? ds : p / q.N), q.ds, q.p, q.last, oneHot(q)),
        dW2: (q) => plusMultiple(product(columns(q.h), q.lossy), q.reg, q.W2),
        db2: (q) => sumOverRows(q.lossy),
      },
      written: {
        dW2: "Σn{h[n,j]·(p[n,c] − last[n,c])/N} + reg·W2[j,c]",
        db2: "Σn{(p[n,c] − last[n,c])/N}",
      },
      hides: [[(q) => q.y[0] !== q.y[1], "no label occurs twice: each row is the last of its label."]],
    },
    "mask missing": {
      formulas: { dz1: (q) => q.dh },
      written: { dz1: "dh[n,j]" },
      hides: [
        [(q) => all((z) => z > 0, q.z1), "every hidden unit is on: there is nothing to mask."],
        NOTHING_COMES,
        [(q) => all((z, dh) => z > 0 || dh === 0, q.z1, q.dh), "where a unit is off, its dh happens to be 0."],
      ],
    },
    "mask taken on the gradient": {
      formulas: { dz1: (q) => each((dh) => (dh > 0 ? dh : 0), q.dh) },
      written: { dz1: "[dh[n,j] > 0]·dh[n,j]" },
      hides: [
        NOTHING_COMES,
        [(q) => all((z, dh) => dh === 0 || z > 0 === dh > 0, q.z1, q.dh), "dh is positive just where z1 is."],
      ],
    },
    "mask of one at zero": {
      formulas: { dz1: (q) => each((z, dh) => (z >= 0 ? dh : 0), q.z1, q.dh) },
      written: { dz1: "[z1[n,j] ≥ 0]·dh[n,j]" },
      hides: [
        [(q) => all((z) => z !== 0, q.z1), "no z1 is exactly 0. Try “At a kink”."],
        NOTHING_COMES,
        [(q) => all((z, dh) => z !== 0 || dh === 0, q.z1, q.dh), "where z1 is exactly 0, its dh happens to be 0."],
      ],
    },
    "relu where its derivative belongs": {
      formulas: { dz1: (q) => each((h, dh) => h * dh, q.h, q.dh) },
      written: { dz1: "h[n,j]·dh[n,j]" },
      hides: [
        NOTHING_ON,
        NOTHING_COMES,
        [
          (q) => all((h, dh) => h === 0 || h === 1 || dh === 0, q.h, q.dh),
          "every unit that is on has h = 1, which equals its derivative.",
        ],
      ],
    },
    "W2 already updated": {
      formulas: { dh: (q) => product(q.ds, columns(each((W2, dW2) => W2 - 0.01 * dW2, q.W2, q.dW2))) },
      written: { dh: "Σc{ds[n,c]·(W2[j,c] − 0.01·dW2[j,c])}" },
      hides: [
        NOTHING_ON,
        SURE,
        [
          (q) => all((W2, dW2) => Math.abs(0.01 * dW2) <= 1e-13 * Math.abs(W2), q.W2, q.dW2),
          "dW2 is 0, or nearly: the step leaves W2 unchanged.",
        ],
      ],
    },
    "transpose missing where H = C": {
      formulas: {},
      written: {},
      hides: [
        [() => true, "H = 4 and C = 3: without the transpose the shapes do not fit, so you cannot forget it. Only where H = C can W2 replace W2ᵀ unnoticed; so the oracle also draws equal sizes."],
      ],
    },
    "penalty gradient of W1 missing": {
      formulas: { dW1: (q) => product(columns(q.X), q.dz1) },
      written: { dW1: "Σn{X[n,d]·dz1[n,j]}" },
      hides: [NO_REG, [(q) => zero(q.W1), "W1 is 0, and so is the gradient of its penalty."]],
    },
    "penalty without the half": {
      formulas: {
        R: (q) => q.reg * (squares(q.W1) + squares(q.W2)),
        dW1: (q) => plusMultiple(right.dW1(q), q.reg, q.W1),
        dW2: (q) => plusMultiple(right.dW2(q), q.reg, q.W2),
      },
      written: {
        R: "reg·(‖W1‖² + ‖W2‖²)",
        dW1: "Σn{X[n,d]·dz1[n,j]} + 2·reg·W1[d,j]",
        dW2: "Σn{h[n,j]·ds[n,c]} + 2·reg·W2[j,c]",
      },
      hides: [NO_REG, [(q) => zero(q.W1) && zero(q.W2), "all weights are 0, and so are the penalty and its gradient."]],
    },
    "biases penalised in the gradient": {
      formulas: {
        db1: (q) => plusMultiple([right.db1(q)], q.reg, [q.b1])[0],
        db2: (q) => plusMultiple([right.db2(q)], q.reg, [q.b2])[0],
      },
      written: { db1: "Σn{dz1[n,j]} + reg·b1[j]", db2: "Σn{ds[n,c]} + reg·b2[c]" },
      hides: [NO_REG, [(q) => zero([q.b1, q.b2]), "all biases are 0, and so is the added term."]],
    },
  };

  // The check compares what a program returns, the loss and the gradients; everything else is an intermediate.
  handgrad.RETURNED = ["J", "dW1", "db1", "dW2", "db2"];

  // The sum of the absolute values of each sum's terms, to which its rounding is relative.
  const abs = (A) => each(Math.abs, A);
  const TERMS = {
    ds: (q) => abs(right.ds(q)),
    dW2: (q) => plusMultiple(product(columns(q.h), q.ds), q.reg, abs(q.W2)),
    dh: (q) => product(q.ds, columns(abs(q.W2))),
    dz1: (q) => q.dh,
    dW1: (q) => plusMultiple(product(columns(abs(q.X)), q.dz1), q.reg, abs(q.W1)),
    dX: (q) => product(q.dz1, columns(abs(q.W1))),
  };

  // Return the entries of a quantity that differ by more than rounding: [index, returned, correct].
  handgrad.wrongEntries = (given, right, name) => {
    const terms = handgrad.evaluate(right.state, TERMS);
    const at = (q, index) => handgrad.entry(q, name, index);
    return handgrad
      .entriesOf(name)
      .map((index) => [index, at(given, index), at(right, index)])
      .filter(([index, a, b]) => Math.abs(a - b) > 1e-9 * Math.abs(at(terms, index)));
  };

  // Return the reason why a mistake does not show in the state of the correct quantities.
  handgrad.whyHidden = (mistake, right) => {
    const found = mistake.hides.find(([holds]) => holds(right));
    return found ? found[1] : "the wrong terms happen to cancel, or are lost in the rounding of the others.";
  };

  const oneHot = (q) => q.p.map((row, n) => row.map((_, c) => Number(c === q.y[n])));
})();
