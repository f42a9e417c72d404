// Short notes at the bottom right: at most three, eight seconds, longer under pointer or focus.

import { button, find, h } from '../dom.js';

const STAYS = 8000, STAYS_AFTER = 3000, MOST = 3;

/**
 * Show a note. `undo` is done by its button; `verb` is what the button says.
 * @param {string} text
 * @param {{undo?: () => any, verb?: string}} [how]
 */
export function toast(text, { undo, verb = 'Undo' } = {}) {
  const box = find('#toasts');
  const note = h('div', { class: 'toast' }, h('span', { text }));
  const close = () => { clearTimeout(timer); note.remove(); };
  if (undo) note.append(button(verb, () => { close(); undo(); }, { class: 'sm' }));
  let timer = setTimeout(close, STAYS);
  const stay = () => clearTimeout(timer);
  const go = () => { clearTimeout(timer); timer = setTimeout(close, STAYS_AFTER); };
  note.addEventListener('mouseenter', stay);
  note.addEventListener('focusin', stay);
  note.addEventListener('mouseleave', go);
  note.addEventListener('focusout', go);
  box.append(note);
  while (box.children.length > MOST) box.firstElementChild.remove();
}
