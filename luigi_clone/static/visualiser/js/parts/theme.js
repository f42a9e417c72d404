// Theme: as the system has it, light, or dark; kept in this browser.

const ORDER = ['system', 'light', 'dark'];

/** The theme that is chosen. */
export function theme() {
  return document.documentElement.dataset.theme ?? 'system';
}

/** Show the next theme and keep it; returns its name. */
export function nextTheme() {
  const next = ORDER[(ORDER.indexOf(theme()) + 1) % ORDER.length];
  if (next === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try { localStorage.setItem('theme', next); } catch { /* storage may be off; the theme holds until the page is left */ }
  return next;
}
