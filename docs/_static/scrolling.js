// Boxes wider than the page scroll; make them focusable, so that the keyboard can scroll them.
for (const box of document.querySelectorAll("pre, .katex-display, .table-wrapper, .graphviz")) {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
}
