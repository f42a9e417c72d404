// Keys: Ctrl K and Esc always; single letters unless they are switched off, and never inside a field.

const KEPT = 'single-letter-keys';
const CHORD = 900; // ms between g and the letter after it
const GOALS = { o: 'overview', t: 'tasks', g: 'graph', l: 'timeline', w: 'workers', h: 'history' };

/** Whether single letters act. */
export function lettersOn() {
  try { return localStorage.getItem(KEPT) !== 'off'; } catch { return true; }
}

/** Switch single letters on or off, in this browser. */
export function setLetters(on) {
  try { localStorage.setItem(KEPT, on ? 'on' : 'off'); } catch { /* storage may be off */ }
}

/** Whether a key pressed at `target` belongs to what is typed there. */
export function isTyping(target) {
  if (!(target instanceof Element)) return false;
  if (target.closest('[contenteditable]')) return true;
  return /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) && !['checkbox', 'radio', 'button'].includes(target.type);
}

/**
 * Listen. `go(view)` follows a chord, `palette()` opens it, `view()` is the one shown: its `key(event)` gets the
 * other keys and returns true for those it took.
 */
export function listen({ go, palette, view }) {
  let chord = 0;
  addEventListener('keydown', event => {
    if (event.defaultPrevented) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      if (!document.querySelector('dialog[open]')) palette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (isTyping(event.target) && event.key !== 'Escape') return;
    const single = event.key.length === 1;
    if (single && /[a-z/?]/i.test(event.key) && !lettersOn()) return;
    if (single && chord && performance.now() - chord < CHORD) {
      chord = 0;
      const goal = GOALS[event.key.toLowerCase()];
      if (goal) { event.preventDefault(); go(goal); return; }
    }
    chord = 0;
    if (event.key === 'g') { chord = performance.now(); return; }
    if (view()?.key?.(event)) { event.preventDefault(); return; }
    if (event.key === '/') { event.preventDefault(); palette(); }
  });
}
