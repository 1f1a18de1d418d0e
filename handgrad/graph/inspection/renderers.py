"""Drawings as text: in DOT, which Graphviz renders, and in Mermaid, which code hosts and notebooks render."""

from collections.abc import Iterator

from handgrad.graph.inspection.diagram import Arrow, Box, Picture

__all__ = ["to_dot", "to_mermaid"]

# half-way between white and nearly black (#111), readable on both, at a contrast above 4 to 1
_FORWARD, _BACKWARD, _MUTED = "#2b7cd6", "#c75b12", "#78797c"

# on the light fill of a node
_TEXT, _FORWARD_WITHIN, _BACKWARD_WITHIN = "#1c2733", "#0b57a8", "#a03c00"

_FILLS = {"variable": "#fff3d6", "number": "#e4e4e4", "operation": "#e4edf8", "repetition": "#e4edf8"}
_BORDERS = {"variable": "#b58a1b", "number": _MUTED, "operation": _FORWARD, "repetition": _FORWARD}

_DOT_SHAPES = {
    "variable": "shape=box",
    "number": 'shape=box, style="filled,rounded", width=0.3, height=0.3',
    "operation": 'shape=ellipse, margin="0.05,0.02"',
    "repetition": 'shape=box, style="filled,rounded", peripheries=2',
}
_MERMAID_SHAPES = {"variable": "[%s]", "number": "((%s))", "operation": "(%s)", "repetition": "[[%s]]"}
# straight lines run through the space reserved for labels, curved ones miss it
_MERMAID_THEME = '%%{init: {"themeVariables": {"edgeLabelBackground": "#f2f4f7"}, "flowchart": {"curve": "linear"}}}%%'

_SANS, _MONO = "Helvetica,Arial,sans-serif", "Courier New,Courier,monospace"


def to_dot(picture: Picture) -> str:
    """Return the drawing in DOT."""
    return "\n".join(["digraph {", *(f"  {line}" for line in _dot(picture)), "}"]) + "\n"


def to_mermaid(picture: Picture) -> str:
    """Return the drawing in Mermaid."""
    return "\n".join([_MERMAID_THEME, "flowchart LR", *(f"  {line}" for line in _mermaid(picture))]) + "\n"


def _dot(picture: Picture) -> Iterator[str]:
    yield f'graph [rankdir=LR, bgcolor=transparent, nodesep=0.2, ranksep=0.15, fontname="{_SANS}", fontsize=11]'
    yield f'node [style=filled, margin="0.1,0.05", fontname="{_SANS}", fontsize=14, fontcolor="{_TEXT}"]'
    yield f'edge [color="{_FORWARD}"]'
    legend = [_font(text, color) for text, color in _legend(picture)]
    if legend:
        yield f"label=<{'    '.join(legend)}>"
    for i, node in enumerate(picture.nodes):
        colors = f'fillcolor="{_FILLS[node.kind]}", color="{_BORDERS[node.kind]}"'
        order = ", ordering=in" if node.ordered else ""  # else the layout is free to cross fewer arrows
        yield f"n{i} [label=<{_dot_label(node)}>, {_DOT_SHAPES[node.kind]}, {colors}{order}]"
    for i, arrow in enumerate(picture.arrows):
        yield from _dot_arrow(f"a{i}", arrow)


def _dot_label(node: Box) -> str:
    lines = [_escaped(node.title)]
    lines += [f'<FONT POINT-SIZE="11">{_escaped(text)}</FONT>' for text in node.details]
    for text, color in ((node.value, _FORWARD_WITHIN), (node.gradient, _BACKWARD_WITHIN)):
        if text:
            lines.append(f'<FONT POINT-SIZE="11" FACE="{_MONO}">{_font(text, color)}</FONT>')
    return "<BR/>".join(lines)


def _dot_arrow(name: str, arrow: Arrow) -> Iterator[str]:
    """Yield an arrow through a node with the value in its upper line and the gradient in its lower line."""
    tail, head = f"n{arrow.tail}", f"n{arrow.head}"
    rows = [("value", arrow.value, _FORWARD), ("gradient", arrow.gradient, _BACKWARD)]
    cells = "".join(f'<TR><TD PORT="{port}">{_font(text, color)}</TD></TR>' for port, text, color in rows if text)
    if cells:
        table = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{cells}</TABLE>'
        yield f'{name} [shape=plain, style="", fontname="{_MONO}", fontsize=11, label=<{table}>]'
    if arrow.value:
        yield f"{tail} -> {name}:value:w [dir=none]"
        yield f"{name}:value:e -> {head}"
    else:
        yield f"{tail} -> {head}"
    if arrow.gradient:
        back = f'style=dashed, color="{_BACKWARD}"'
        yield f"{tail} -> {name}:gradient:w [dir=back, {back}]"
        yield f"{name}:gradient:e -> {head} [dir=none, {back}]"


def _mermaid(picture: Picture) -> Iterator[str]:
    for i, node in enumerate(picture.nodes):
        lines = [node.title, *node.details, *filter(None, (node.value, node.gradient))]
        yield f"n{i}{_MERMAID_SHAPES[node.kind] % _quoted(*lines)}:::{node.kind}"
    links: list[list[int]] = [[], []]
    for tail, head, value, gradient in picture.arrows:
        links[0].append(sum(map(len, links)))
        yield f"n{tail} -->{f'|{_quoted(value)}|' if value else ''} n{head}"
        if gradient:
            links[1].append(sum(map(len, links)))
            yield f"n{tail} <-.->|{_quoted(gradient)}| n{head}"
    for kind in dict.fromkeys(node.kind for node in picture.nodes):
        yield f"classDef {kind} fill:{_FILLS[kind]},stroke:{_BORDERS[kind]},color:{_TEXT}"
    # Mermaid has no arrow that only points back, and lays out a reversed one as a cycle: hide one of two heads
    styles = (
        f"stroke:{_FORWARD},color:{_FORWARD_WITHIN}",
        f"stroke:{_BACKWARD},color:{_BACKWARD_WITHIN},marker-end:none",
    )
    for numbers, style in zip(links, styles):
        if numbers:
            yield f"linkStyle {','.join(map(str, numbers))} {style}"


def _legend(picture: Picture) -> Iterator[tuple[str, str]]:
    if any(node.value for node in picture.nodes) or any(arrow.value for arrow in picture.arrows):
        yield "values →", _FORWARD
    if picture.of:
        yield f"← gradients of {picture.of}", _BACKWARD


def _font(text: str, color: str) -> str:
    return f'<FONT COLOR="{color}">{_escaped(text)}</FONT>'


def _escaped(text: str) -> str:
    """Return text escaped for DOT's HTML-like labels, with its line breaks."""
    return "".join(_DOT_ESCAPES.get(c, c) for c in _printable(text))


def _quoted(*lines: str) -> str:
    """Return lines of text in quotes, with the characters that Mermaid interprets escaped by number."""
    text = "\n".join(map(_printable, lines))
    return f'"{"".join(_MERMAID_ESCAPES.get(c, c) for c in text)}"'


def _printable(text: str) -> str:
    """Return the text with each unprintable character, such as a NUL, as U+FFFD."""
    return "".join(c if c.isprintable() or c in "\n\N{NO-BREAK SPACE}" else "\N{REPLACEMENT CHARACTER}" for c in text)


_DOT_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\\": "&#92;&#92;", "\n": "<BR/>"}
_MERMAID_ESCAPES = {c: f"#{ord(c)};" for c in '"#&<>`\\'} | {"\n": "<br/>"}
