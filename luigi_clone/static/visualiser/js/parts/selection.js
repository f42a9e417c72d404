// Which tasks are chosen, over pages, and the bar of what can be done to them.

import { button, h, put, setText } from '../dom.js';
import { number } from '../words.js';
import { VERBS } from './steering.js';

/** The chosen tasks. `act(verb)` and `all()` are called by the buttons; `drawn()` after each change. */
export class Selection {
  constructor({ act, all, drawn }) {
    /** id → row, or null where only the id is known. */
    this.rows = new Map();
    this._drawn = drawn;
    this._last = -1;
    this._said = h('span', { class: 'sel', role: 'status' });
    this._more = button('', all, { class: 'sm quiet' });
    this._buttons = Object.entries(VERBS).map(([verb, { icon }]) => button(verb, () => act(verb), { icon, class: 'sm', dataset: { acts: '', verb } }));
    this.bar = h('div', { class: 'foot bulk', role: 'toolbar', 'aria-label': 'Actions for the selected tasks', hidden: true }, this._said, this._buttons,
      h('span', { class: 'grow' }), this._more, button([], () => this.clear(), { class: 'sm quiet clear' }));
    put(this.bar.querySelector('.clear'), 'Clear', h('kbd', { class: 'hide-s', text: 'Esc' }));
  }

  /** How many. */
  get size() {
    return this.rows.size;
  }

  /** A check box was pressed: with Shift, all from the one before to this one. */
  pressed(event, tr, all) {
    const at = all.indexOf(tr), on = event.target.checked;
    const from = event.shiftKey && this._last >= 0 && this._last < all.length ? this._last : at;
    for (let i = Math.min(at, from); i <= Math.max(at, from); i++) this._set(all[i], on);
    this._last = at;
    this._drawn();
  }

  /** Choose all rows of the page, or none of them. */
  page(all, on) {
    for (const tr of all) this._set(tr, on);
    this._drawn();
  }

  /** Choose by ids alone. */
  ids(ids) {
    this.rows = new Map(ids.map(id => [id, this.rows.get(id) ?? null]));
    this._drawn();
  }

  /** Choose nothing. */
  clear() {
    this.rows.clear();
    this._last = -1;
    this._drawn();
  }

  _set(tr, on) {
    if (on) this.rows.set(tr.row.id, tr.row); else this.rows.delete(tr.row.id);
  }

  /** Show it: marks of rows, the box of the header, the bar. `total` tasks match the query. */
  draw(all, head, total, online) {
    let here = 0;
    for (const tr of all) {
      const on = this.rows.has(tr.row.id);
      if (on) here++;
      tr.setAttribute('aria-selected', String(on));
      tr.querySelector('.ck').checked = on;
    }
    head.checked = here > 0 && here === all.length;
    head.indeterminate = here > 0 && here < all.length;
    this.bar.hidden = this.size === 0;
    setText(this._said, this.size ? `${number(this.size)} selected` : '');
    setText(this._more, `Select all ${number(total)}`);
    this._more.hidden = this.size >= total;
    const states = new Set([...this.rows.values()].map(row => row?.state ?? 'any'));
    for (const one of this._buttons) {
      if (online) one.disabled = !states.has('any') && !VERBS[one.dataset.verb].states.some(state => states.has(state));
    }
  }
}
