// A classic script, run before the first paint, so that the page never flashes in the other theme.
(function () {
  let kept = null;
  try { kept = localStorage.getItem('theme'); } catch { /* storage may be off */ }
  if (kept === 'light' || kept === 'dark') document.documentElement.dataset.theme = kept;
})();
