// The formula of one entry of each quantity, as the page writes it, and the same with numbers filled in.
// A lower-case letter is an index, y the label of row n, Σn{…} a sum over n; [c = y] is 1 where that holds, else 0.
"use strict";

(() => {
  handgrad.WRITTEN = {
    XW1: "Σd{X[n,d]·W1[d,j]}",
    z1: "XW1[n,j] + b1[j]",
    h: "max(0, z1[n,j])",
    hW2: "Σj{h[n,j]·W2[j,c]}",
    s: "hW2[n,c] + b2[c]",
    p: "exp(s[n,c]) / (Σk{exp(s[n,k])})",
    L: "1/N·(Σn{−log(p[n,y])})",
    R: "½·reg·(‖W1‖² + ‖W2‖²)",
    J: "L + R",
    dJ: "1",
    dL: "1",
    dR: "1",
    ds: "(p[n,c] − [c = y])/N",
    dhW2: "ds[n,c]",
    dW2: "Σn{h[n,j]·ds[n,c]} + reg·W2[j,c]",
    db2: "Σn{ds[n,c]}",
    dh: "Σc{ds[n,c]·W2[j,c]}",
    dz1: "[z1[n,j] > 0]·dh[n,j]",
    dXW1: "dz1[n,j]",
    dW1: "Σn{X[n,d]·dz1[n,j]} + reg·W1[d,j]",
    db1: "Σn{dz1[n,j]}",
    dX: "Σj{dz1[n,j]·W1[d,j]}",
  };

  const INDICES = {
    X: "nd", W1: "dj", b1: "j", XW1: "nj", z1: "nj", h: "nj", W2: "jc", b2: "c", hW2: "nc", s: "nc", p: "nc",
  };
  const SIZES = { n: 2, d: 3, j: 4, c: 3, k: 3 };
  const indicesOf = (name) => INDICES[name] ?? INDICES[name.replace(/^d/, "")] ?? "";

  // Return the indices of all entries of a quantity.
  const entriesOf = (name) =>
    [...indicesOf(name)].reduce(
      (all, letter) => all.flatMap((index) => Array.from({ length: SIZES[letter] }, (_, i) => [...index, i])),
      [[]],
    );

  function entry(q, name, index) {
    if (["dJ", "dL", "dR"].includes(name)) return 1;
    const kept = { dXW1: "dz1", dhW2: "ds" }[name] ?? name; // a sum passes its gradient on unchanged
    return index.reduce((part, i) => part[i], q[kept]);
  }

  // The right-hand side for one entry, its sums as they are: Σn{h[n,1]·ds[n,0]} + reg·W2[1,0].
  function forEntry(q, name, index, written = handgrad.WRITTEN[name]) {
    return withIndices(q, written, Object.fromEntries([...indicesOf(name)].map((letter, i) => [letter, index[i]])));
  }

  // … the same with its sums written out: h[0,1]·ds[0,0] + h[1,1]·ds[1,0] + reg·W2[1,0].
  function writtenOut(q, name, index, written) {
    return forEntry(q, name, index, written).replace(/Σ([a-z]){(.*?)}/g, (_, letter, term) => {
      const terms = Array.from({ length: SIZES[letter] }, (_, i) => withIndices(q, term, { [letter]: i }));
      return terms.join(" + ").replaceAll("+ −", "− ");
    });
  }

  // … and with its names replaced by numbers.
  function filledIn(q, name, index, written, number = shortened) {
    const shown = (x) => (x < 0 ? `(${number(x)})` : number(x));
    return writtenOut(q, name, index, written)
      .replace(/(\w+)\[([\d,]+)\]/g, (_, of, at) => shown(entry(q, of, at.split(",").map(Number))))
      .replace(/‖(W\d)‖²/g, (_, of) => number(q[`${of}squared`]))
      .replace(/\b(N|reg|L|R)\b/g, (_, of) => shown(q[of]))
      .replace(/(^|[([]|, )\((−[\d.e−]+)\)/g, "$1$2"); // −1·2 + 3·(−4)
  }

  // Return the entries that it is computed from, as [name, index].
  function madeOf(q, name, index, written) {
    const found = writtenOut(q, name, index, written).matchAll(/(\w+)\[([\d,]+)\]/g);
    return [...found].map(([, of, at]) => [of, at.split(",").map(Number)]);
  }

  function withIndices(q, text, at) {
    const known = (letter) => at[letter] ?? letter;
    const labels = "n" in at ? text.replaceAll("y[n−1]", q.y.at(at.n - 1)).replace(/\by\b/g, q.y[at.n]) : text;
    return labels.replace(/\[([a-z\d,]+|[a-z] = \S+)\]/g, (_, inside) => `[${inside.replace(/\b[a-z]\b/g, known)}]`);
  }

  function shortened(x, digits = 4) {
    if (x === 0 || !Number.isFinite(x)) return String(Math.abs(x));
    const small = Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5;
    const text = small ? x.toExponential(Math.min(digits, 3) - 1) : String(Number(x.toPrecision(digits)));
    return text.replaceAll("-", "−").replace("e+", "e");
  }

  Object.assign(handgrad, { indicesOf, entriesOf, entry, forEntry, filledIn, madeOf, shortened });
})();
