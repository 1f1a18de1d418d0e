// The page: sliders, the graph with its entries, the formulas of the chosen entry, and the check of a planted mistake.
"use strict";

(() => {
  const { MISTAKES, VERDICTS, RETURNED, WRITTEN, evaluate, entriesOf, indicesOf, entry, shortened } = handgrad;
  const $ = (id) => document.getElementById(`pg-${id}`);

  const START = {
    X: [[1, -0.5, 2], [-1.5, 1, 0.5]],
    W1: [[0.5, -0.75, 0.25, 1], [-1, 0.5, 1, 0.25], [0.25, 0.75, -0.5, 0.5]],
    b1: [0.25, 0, 0.5, -0.25],
    W2: [[1, -0.5, 0.25], [-0.75, 0.5, 1], [0.5, 0.25, -1], [0.25, -1, 0.5]],
    b2: [0.25, 0, -0.25],
    reg: 0.1,
    y: [0, 2],
  };
  const LEAVES = ["X", "W1", "b1", "W2", "b2"];
  const PRESETS = {
    "Start again": () => START,
    "At random": () => ({
      ...Object.fromEntries(LEAVES.map((name) => [name, mapped(START[name], () => quarters(4 * Math.random() - 2))])),
      reg: START.reg,
      y: START.y.map(() => Math.floor(3 * Math.random())),
    }),
    "At a kink": () => ({ ...START, b1: [0.25, -0.5, 0.5, -0.25] }),
    "Sure of its labels": () => ({
      ...START,
      X: [[2, -1, 3], [-3, 2, 1]],
      W1: mapped(START.W1, (w) => 2 * w),
      W2: [[3, -3, -1], [0, 0.5, 0], [-3, 3, -1], [3, -3, 0]],
      y: [0, 1],
    }),
  };
  const quarters = (x) => Math.round(4 * x) / 4;
  const mapped = (a, f) => (Array.isArray(a) ? a.map((part) => mapped(part, f)) : f(a));

  // Each node of the graph: its title, the quantities it shows, the grid's row and column.
  const NODES = [
    { name: "X", title: "X", at: [1, 1] },
    { name: "W1", title: "W1", at: [1, 2] },
    { name: "XW1", title: "X · W1", at: [2, 1] },
    { name: "b1", title: "b1", at: [2, 2] },
    { name: "z1", title: "z1 = X · W1 + b1", at: [3, 1] },
    { name: "h", title: "h = ReLU(z1)", at: [4, 1] },
    { name: "W2", title: "W2", at: ["3 / span 2", 2] },
    { name: "hW2", title: "h · W2", at: [5, 1] },
    { name: "b2", title: "b2", at: [5, 2] },
    { name: "s", title: "s = h · W2 + b2", at: [6, 1] },
    { name: "p", title: "softmax p, loss L", at: [7, 1], also: "L" },
    { name: "R", title: "penalty R", at: [7, 2] },
    { name: "J", title: "J = L + R", at: [8, 1] },
  ];
  const EDGES = [
    ["X", "XW1"], ["W1", "XW1"], ["XW1", "z1"], ["b1", "z1"], ["z1", "h"], ["h", "hW2"], ["W2", "hW2"], ["hW2", "s"],
    ["b2", "s"], ["s", "p"], ["p", "J"], ["W1", "R"], ["W2", "R"], ["R", "J"],
  ];

  let state = structuredClone(START);
  let chosen = ["W2", [1, 0]];
  let planted = "";
  const nodes = {}; // name: element
  const cells = {}; // "W1[0,1]": { button, value, gradient }
  const sliders = []; // each with its number, and a function that reads it from the state
  let ofChosen = null; // the slider of the chosen entry

  const nameOf = (name, index) => (index.length ? `${name}[${index}]` : name);
  const gradientOf = (name) => (`d${name}` in WRITTEN ? `d${name}` : null);

  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  // ------------------------------------------------------------------------------------------------ built once

  function makeSlider(label, get, set, { min = -3, max = 3, step = 0.25 } = {}) {
    const slider = element("input", { type: "range", min, max, step });
    const output = element("output");
    slider.addEventListener("input", () => {
      set(Number(slider.value));
      show();
    });
    return { slider, output, get, label: element("label", {}, element("span", {}, label, output), slider) };
  }

  function sliderOf(name, index) {
    const row = () => index.slice(0, -1).reduce((part, i) => part[i], state[name]);
    return makeSlider(nameOf(name, index), () => row()[index.at(-1)], (x) => (row()[index.at(-1)] = x));
  }

  function makeControls() {
    sliders.push(makeSlider("reg", () => state.reg, (x) => (state.reg = x), { min: 0, max: 1, step: 0.05 }));
    $("reg").append(sliders[0].label);
    START.y.forEach((_, n) => {
      const select = element("select", {}, ...[0, 1, 2].map((c) => new Option(`class ${c}`, c)));
      select.addEventListener("change", () => {
        state.y[n] = Number(select.value);
        show();
      });
      $("labels").append(element("label", {}, `y[${n}] `, select));
    });
    for (const [name, made] of Object.entries(PRESETS)) {
      const button = element("button", { type: "button", textContent: name });
      button.addEventListener("click", () => {
        state = structuredClone(made());
        show();
      });
      $("presets").append(button);
    }
    for (const name of LEAVES) {
      const made = entriesOf(name).map((index) => sliderOf(name, index));
      sliders.push(...made);
      const grid = element("div", { className: "pg-grid" }, ...made.map(({ label }) => label));
      grid.style.setProperty("--columns", START[name].at(-1).length ?? START[name].length);
      $("groups").append(element("details", {}, element("summary", {}, `Sliders of ${name}`), grid));
    }
    const names = Object.entries(VERDICTS).map(([name, { cause }]) => new Option(`${cause}: ${name}`, name));
    $("mistake").append(new Option("none", ""), ...names);
    $("mistake").addEventListener("change", () => {
      planted = $("mistake").value;
      chosen = firstWrong() ?? chosen;
      show();
    });
  }

  function makeGraph() {
    for (const { name, title, at, also } of NODES) {
      const node = element("div", { className: "pg-node" }, element("div", { className: "pg-name" }, title));
      if (LEAVES.includes(name)) node.classList.add("pg-leaf");
      node.setAttribute("role", "group");
      node.setAttribute("aria-label", title);
      [node.style.gridRow, node.style.gridColumn] = at;
      for (const shown of [name, also].filter(Boolean)) node.append(makeEntries(shown));
      node.addEventListener("keydown", (event) => moveWithin(node, event));
      $("graph").append(node);
      nodes[name] = node;
    }
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("aria-hidden", "true");
    $("graph").prepend(svg);
    new ResizeObserver(() => drawEdges(svg)).observe($("graph"));
  }

  function makeEntries(name) {
    const grid = element("div", { className: "pg-entries" });
    grid.style.setProperty("--columns", { n: 1, d: 3, j: 4, c: 3 }[indicesOf(name).at(-1) ?? "n"]);
    for (const index of entriesOf(name)) {
      const value = element("span", { className: "pg-forward" });
      const gradient = element("span", { className: "pg-backward" });
      const spoken = [0, 1, 2].map(() => element("span", { className: "pg-spoken" })); // text for screen readers only
      const button = element("button", { type: "button" }, spoken[0], value, spoken[1], gradient, spoken[2]);
      button.addEventListener("click", () => {
        chosen = [name, index];
        show();
      });
      cells[nameOf(name, index)] = { button, value, gradient, spoken, name, index };
      grid.append(button);
    }
    return grid;
  }

  // Arrow keys move between the entries of a node, the Tab key between nodes.
  function moveWithin(node, event) {
    const buttons = [...node.querySelectorAll("button")];
    const columns = Number(event.target.parentElement.style.getPropertyValue("--columns"));
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const next = buttons[buttons.indexOf(event.target) + step];
    if (!step) return;
    event.preventDefault();
    next?.focus();
    next?.click();
  }

  function drawEdges(svg) {
    const { left, top, width, height } = $("graph").getBoundingClientRect();
    const box = (name) => {
      const r = nodes[name].getBoundingClientRect();
      return { left: r.left - left, right: r.right - left, top: r.top - top, bottom: r.bottom - top, width: r.width };
    };
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.innerHTML = ["forward", "backward"]
      .map(
        (way) =>
          `<marker id="pg-${way}" class="pg-head-${way}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"` +
          ` markerHeight="7" orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z"/></marker>`,
      )
      .join("");
    for (const [tail, head] of EDGES) {
      const [a, b] = [box(tail), box(head)];
      for (const [way, shift] of [["forward", -5], ["backward", 5]]) {
        const d = pathBetween(a, b, head, width, shift);
        const marker = way === "forward" ? "marker-end" : "marker-start";
        svg.innerHTML += `<path class="pg-edge-${way}" d="${d}" ${marker}="url(#pg-${way})"/>`;
      }
    }
  }

  function pathBetween(a, b, head, width, shift) {
    if (head === "R") {
      const rail = width - 9 - shift; // past the nodes in between
      return `M${a.right + 1},${a.top + 20 + shift} H${rail} V${b.top + 20 - shift} H${b.right + 2}`;
    }
    const from = (a.left > b.right ? a.left + 0.3 * a.width : a.left + 0.4 * Math.min(a.width, b.width)) + shift;
    const to = (a.left > b.right ? b.left + 0.8 * b.width : Math.max(from - shift, b.left + 20)) + shift;
    const half = (a.bottom + b.top) / 2;
    return `M${from},${a.bottom + 1} C${from},${half} ${to},${half} ${to},${b.top - 1}`;
  }

  // ------------------------------------------------------------------------------------------- redrawn on every change

  function show() {
    const right = evaluate(state);
    const mistake = planted ? MISTAKES[planted] : { formulas: {}, written: {}, hides: [] };
    const q = evaluate(state, mistake.formulas);
    const wrong = new Set(); // "dW1[0,1]", …
    for (const name of Object.keys(WRITTEN)) {
      for (const [index] of handgrad.wrongEntries(q, right, name)) wrong.add(nameOf(name, index));
    }
    showGraph(q, wrong);
    showChosen(q, right, mistake, wrong);
    showCheck(q, right, mistake);
    showControls();
  }

  function showControls() {
    for (const { slider, output, get } of [...sliders, ofChosen].filter(Boolean)) {
      slider.value = get();
      output.textContent = shortened(get());
    }
    $("labels").querySelectorAll("select").forEach((select, n) => (select.value = state.y[n]));
  }

  function showGraph(q, wrong) {
    for (const [label, { button, value, gradient, spoken, name, index }] of Object.entries(cells)) {
      const d = gradientOf(name);
      value.textContent = short(entry(q, name, index));
      value.classList.toggle("pg-label", name === "p" && q.y[index[0]] === index[1]);
      gradient.textContent = d ? short(entry(q, d, index)) : "";
      for (const span of [value, gradient]) span.classList.toggle("pg-long", span.textContent.length > 5);
      const isWrong = { value: wrong.has(label), gradient: Boolean(d) && wrong.has(nameOf(d, index)) };
      value.classList.toggle("pg-wrong", isWrong.value);
      gradient.classList.toggle("pg-wrong", isWrong.gradient);
      spoken[0].textContent = `${label} is `;
      spoken[1].textContent = `${isWrong.value ? ", wrong" : ""}${d ? ", gradient " : ""}`;
      spoken[2].textContent = isWrong.gradient ? ", wrong" : "";
      const selected = label === nameOf(...chosen);
      button.setAttribute("aria-pressed", selected);
      button.tabIndex = selected || (name !== chosen[0] && index.every((i) => i === 0) && name !== "L") ? 0 : -1;
    }
  }

  // Format a number in six or seven characters.
  function short(x) {
    const size = Math.abs(x);
    const fits = size === 0 || (size >= 5e-4 && size < 1000);
    const digits = size < 0.01 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0;
    const text = fits ? String(Number(x.toFixed(digits))) : x.toExponential(0);
    return text.replaceAll("-", "−").replace("e+", "e");
  }

  function showChosen(q, right, mistake, wrong) {
    const [name, index] = chosen;
    if ($("selected-title").textContent !== nameOf(name, index)) {
      $("selected-title").textContent = nameOf(name, index);
      ofChosen = LEAVES.includes(name) ? sliderOf(name, index) : null;
      $("selected-slider").replaceChildren(...(ofChosen ? [ofChosen.label] : []));
    }
    $("graph").querySelectorAll(".pg-used").forEach((span) => span.classList.remove("pg-used"));
    const explained = (quantity) => (WRITTEN[quantity] ? explain(quantity, index, q, right, mistake, wrong) : []);
    $("value").replaceChildren(...explained(name));
    $("gradient").replaceChildren(...explained(`d${name}`));
  }

  // Return the lines from the formula to the number.
  function explain(quantity, index, q, right, mistake, wrong) {
    const isPlanted = quantity in mistake.written;
    const written = isPlanted ? mistake.written[quantity] : WRITTEN[quantity];
    const texts = [
      handgrad.forEntry(q, quantity, index, written),
      handgrad.filledIn(q, quantity, index, written),
      shortened(entry(q, quantity, index)),
    ].filter((text, i, all) => text !== all[i - 1]);
    const lines = texts.map((text, i) => typeset("div", `${i ? "" : nameOf(quantity, index)} = ${text}`));
    if (isPlanted) lines[0].append(element("span", { className: "pg-badge" }, "planted"));
    if (wrong.has(nameOf(quantity, index))) {
      const text = `wrong: should be ${shortened(entry(right, quantity, index))}`;
      lines.push(element("div", {}, element("span", { className: "pg-wrong" }, text)));
    }
    const note = !isPlanted && NOTES[quantity]?.(q, index);
    if (note) lines.push(element("div", { className: "pg-note" }, note));
    for (const [of, at] of handgrad.madeOf(q, quantity, index, written)) markUsed(of, at);
    return lines;
  }

  function markUsed(name, index) {
    cells[nameOf(name, index)]?.value.classList.add("pg-used");
    if (name.startsWith("d")) cells[nameOf(name.slice(1), index)]?.gradient.classList.add("pg-used");
  }

  const NOTES = {
    p: () => "Computed from s minus its row’s maximum, so that no exponential overflows.",
    ds: (q, [n, c]) => c === q.y[n] && "For the label, computed as minus the sum of the other p: p − 1 loses digits as p approaches 1.",
    dXW1: () => "A sum passes its gradient on unchanged.",
    dhW2: () => "A sum passes its gradient on unchanged.",
    z1: (q, [n, j]) => q.z1[n][j] === 0 && "Exactly 0: a kink, where the slope is 0 by convention.",
    dX: () => "Training does not need it; loss_and_grad(…, input_grad=True) returns it.",
  };

  // Σn{…} is a sum over n, with its index below.
  function typeset(tag, text) {
    const parts = text.replace(/[{}]/g, "").split(/Σ([a-z]) ?/); // every second one is an index
    return element(tag, {}, ...parts.flatMap((part, i) => (i % 2 ? ["Σ", element("sub", {}, part), " "] : [part])));
  }

  // Return the entry where a planted mistake shows first.
  function firstWrong() {
    if (!planted) return null;
    const [right, q] = [evaluate(state), evaluate(state, MISTAKES[planted].formulas)];
    const of = Object.keys(MISTAKES[planted].written);
    const found = of.flatMap((name) => handgrad.wrongEntries(q, right, name).map(([index]) => [name, index]));
    return found.map(([name, index]) => [cells[nameOf(name, index)] ? name : name.slice(1), index])[0];
  }

  function showCheck(q, right, mistake) {
    const found = RETURNED.map((name) => [name, handgrad.wrongEntries(q, right, name), entriesOf(name).length]);
    const count = found.reduce((n, [, wrong]) => n + wrong.length, 0);
    const of = found.reduce((n, [, , all]) => n + all, 0);
    $("wrong").hidden = count === 0;
    $("wrong").tBodies[0].replaceChildren(
      ...found.filter(([, wrong]) => wrong.length).map(([name, wrong, all]) => wrongRow(name, wrong, all)),
    );
    $("verdict").textContent = !planted
      ? `No mistake is planted: J and all ${of - 1} gradient entries are correct.`
      : count
        ? `Detected: ${count} of ${of} numbers are wrong.`
        : `Not detectable in this state, because ${handgrad.whyHidden(mistake, right)}`;
    $("verdict").className = planted ? (count ? "pg-seen" : "pg-unseen") : "pg-right";
    $("planted").replaceChildren(
      ...Object.entries(mistake.written).map(([name, written]) =>
        element(
          "div",
          {},
          typeset("span", `${nameOf(name, [...indicesOf(name)])} = ${written}`),
          written === WRITTEN[name] ? "" : typeset("span", ` instead of ${WRITTEN[name]}`),
        ),
      ),
    );
    $("oracle").replaceChildren(...(planted ? wordsOfTheOracle(VERDICTS[planted], count) : []));
  }

  function wrongRow(name, wrong, all) {
    const [index, given, expected] = wrong.reduce((a, b) => (Math.abs(b[1] - b[2]) > Math.abs(a[1] - a[2]) ? b : a));
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      element("td", {}, all === 1 ? "yes" : `${wrong.length} of ${all}`),
      element(
        "td",
        {},
        `${nameOf(name, index)} is ${shortened(given)}, should be ${shortened(expected)}: ` +
          `off by ${shortened(Math.abs(given - expected), 2)}`,
      ),
    );
  }

  function wordsOfTheOracle({ lines, seen }, count) {
    const link = seen ? [" ", element("a", { href: seen, textContent: "A case in public." })] : [];
    return [
      element("p", { className: "pg-note" }, `oracle.check ${count ? "reports" : "detects it"} on problems of its own:`),
      element("blockquote", {}, ...lines.map((line) => element("p", {}, line)), element("p", {}, ...link)),
    ];
  }

  makeControls();
  makeGraph();
  show();
})();
