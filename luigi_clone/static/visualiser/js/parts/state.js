// What stands in the place of a list: loading, empty, failed.

import { button, h, icon } from '../dom.js';
import { stateIcon } from './status.js';

/** Nothing is there: `head`, a sentence, and ways out as `[text, onclick]`. */
export function emptyState(head, text, ...ways) {
  return h('div', { class: 'state' }, icon('i-empty'), h('strong', { text: head }), [text].flat().map(one => (one instanceof Node ? one : h('p', { text: one }))),
    ways.length ? h('div', { class: 'row' }, ways.map(([word, onclick]) => button(word, onclick))) : null);
}

/** A call failed: what could not be loaded, why, and a way to try again. */
export function errorState(head, error, again) {
  return h('div', { class: 'state', role: 'alert' }, stateIcon('failed'), h('strong', { text: head }), h('p', { text: error.text ?? String(error) }),
    again ? h('div', { class: 'row' }, button('Try again', again)) : null);
}

/** Bars that breathe while the first answer is awaited. */
export function skeleton(rows = 6) {
  return h('div', { class: 'skeleton', 'aria-hidden': 'true' }, Array.from({ length: rows }, (_, i) => h('span', { class: `sk w${1 + (i % 3)}` })));
}
