// The line under a list: which rows, of how many, and the way to the next ones.

import { button, h, setText } from '../dom.js';
import { number, plural } from '../words.js';

const SIZES = [50, 100, 250];

/** Pager. `moved({page, rows})` is called with what was chosen; `fresh()` when changed tasks are asked for. */
export class Pager {
  constructor(moved, fresh) {
    this._range = h('b', { text: '–' });
    this._of = h('span');
    this._new = button('', () => { this.changed(0); fresh(); }, { class: 'sm newrows', hidden: true });
    this._size = h('select', { class: 'field', 'aria-label': 'Rows per page', onchange: () => moved({ page: 1, rows: Number(this._size.value) }) }, SIZES.map(n => h('option', { value: n, text: n })));
    this._before = button('Previous', () => moved({ page: this._page - 1 }), { class: 'sm' });
    this._after = button('Next', () => moved({ page: this._page + 1 }), { class: 'sm' });
    this.node = h('div', { class: 'foot' }, h('span', { class: 'pager' }, this._range, ' of ', this._of), this._new, h('span', { class: 'grow' }),
      h('label', { class: 'check hide-s' }, 'Rows ', this._size), this._before, this._after);
    this._page = 1;
  }

  /** Show where one is. */
  show({ page, rows, shown, total }) {
    this._page = page;
    const first = (page - 1) * rows;
    setText(this._range, shown ? `${number(first + 1)}–${number(first + shown)}` : '0');
    setText(this._of, number(total));
    if (!SIZES.includes(rows) && ![...this._size.options].some(one => Number(one.value) === rows)) this._size.append(h('option', { value: rows, text: rows }));
    this._size.value = String(rows);
    this._before.disabled = page <= 1;
    this._after.disabled = first + shown >= total;
  }

  /** Offer the tasks that changed elsewhere. */
  changed(n) {
    this._new.hidden = !n;
    setText(this._new, `${plural(n, 'task')} changed, show`);
  }
}
