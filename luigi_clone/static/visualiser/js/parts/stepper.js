// A number with a button to each side, edited in place.

import { h } from '../dom.js';

/**
 * Make one. `set(key, number)` is called with what was chosen; `key` names the thing, also for the redrawing.
 * @param {{key: string, label: string, less: string, more: string, value: number, least?: number, set: (key: string, n: number) => void}} what
 */
export function stepper({ key, label, less, more, value, least = 0, set }) {
  const field = h('input', { type: 'text', inputmode: 'numeric', pattern: '[0-9]*', value: String(value), 'aria-label': label, autocomplete: 'off', dataset: { acts: '' } });
  // what the field holds, or the number told last where somebody is typing something that is none
  const at = () => (/^\d+$/.test(field.value.trim()) ? Number(field.value) : Number(field.getAttribute('value')));
  const choose = n => {
    const next = Math.max(least, n), before = Number(field.getAttribute('value'));
    field.value = String(next);
    if (next !== before) set(key, next, before);
  };
  field.setAttribute('value', String(value));
  field.addEventListener('change', () => choose(at()));
  field.addEventListener('keydown', event => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (event.key === 'Escape') { field.value = field.getAttribute('value'); field.blur(); }
    if (event.key === 'Enter') { event.preventDefault(); choose(at()); }
    if (step) { event.preventDefault(); field.value = String(Math.max(least, at() + step)); }
  });
  const turn = step => h('button', { type: 'button', 'aria-label': step < 0 ? less : more, dataset: { acts: '' }, onclick: () => choose(at() + step) }, step < 0 ? '−' : '+');
  return h('span', { class: 'step', role: 'group', 'aria-label': label, dataset: { key: `step ${key}` } }, turn(-1), field, turn(1));
}
