// What is wider than the page scrolls; the keyboard must reach it to scroll it.
for (const box of document.querySelectorAll("pre, .katex-display, .table-wrapper, .graphviz")) {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
}
