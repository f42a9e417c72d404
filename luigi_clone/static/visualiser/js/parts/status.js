// A state is colour, icon and word; never colour alone.

import { h, icon, s } from '../dom.js';
import { GROUPS, INHERITED, STATES, WORDS, number } from '../words.js';

/**
 * The icon of a state; the ring of a running task turns. It is a drawing of its own over the rest: turning all of
 * an element is the compositor's work, while a part of a drawing would be painted anew for each frame.
 */
export function stateIcon(state) {
  const cls = `si s-${state}`;
  if (state !== 'running') return icon(`s-${state}`, cls);
  return h('span', { class: `${cls} ring`, 'aria-hidden': 'true' }, icon('s-running-face', ''), icon('s-running-arc', 'spin'));
}

/** Icon and word; `tint` makes the pill of headings, `word` replaces the word. */
export function status(state, { tint = false, word = WORDS[state] ?? state } = {}) {
  return h('span', { class: `st s-${state}${tint ? ' tint' : ''}` }, stateIcon(state), word);
}

/** Icon and number, the word for those who do not see it; only beside a column header that names the state. */
export function stateCount(state, n) {
  return h('span', {}, h('span', { class: `st s-${state}` }, stateIcon(state), number(n)), h('span', { class: 'vh' }, ` ${WORDS[state]}`));
}

const FROM_DONE = ['done', 'running', 'batch', 'ready', 'pending', 'uprunning', 'missing', 'updisabled', 'disabled', 'upfailed', 'failed', 'unknown'];

/** `1,854 done, 11 running`: counts in words, for a label. */
export function statesInWords(states) {
  return FROM_DONE.filter(state => states[state]).map(state => `${number(states[state])} ${WORDS[state].toLowerCase()}`).join(', ') || 'none';
}

/** A bar of states: each that occurs is at least seen. */
export function statesBar(states, cls = 'sb') {
  const there = FROM_DONE.filter(state => states[state] > 0);
  const total = there.reduce((sum, state) => sum + states[state], 0);
  const gap = 0.35, least = 0.85;
  const bars = [];
  let x = 0;
  for (const state of there) {
    const width = Math.max(least, (100 * states[state]) / total - gap);
    bars.push(s('rect', { class: `s-${state}${INHERITED.has(state) ? ' hollow' : ''}`, x: x.toFixed(2), width: width.toFixed(2), height: 8 }));
    x += width + gap;
  }
  return s('svg', { class: cls, viewBox: `0 0 ${Math.max(1, x - gap).toFixed(2)} 8`, preserveAspectRatio: 'none', role: 'img', 'aria-label': statesInWords(states) }, bars);
}

/** The group that a state belongs to. */
export function groupOf(state) {
  return Object.keys(GROUPS).find(group => GROUPS[group].includes(state)) ?? 'attention';
}

/** Where a state stands in the order of the page. */
export function rankOf(state) {
  return STATES.indexOf(state);
}
