// What stands over the meters line when its numbers are not to be trusted, or no task starts.

import { button, find, h, icon, put, setText } from '../dom.js';
import { clock } from '../words.js';

/** Shows that contact is lost (with a countdown) or that the scheduler is paused; lost contact comes first. */
export class Banner {
  constructor({ retry, resume }) {
    this._box = find('#banner');
    this._retry = retry;
    this._resume = resume;
    this._lost = null;
    this._paused = false;
    this._mayResume = false;
    this._count = null;
  }

  /** Contact is lost since `since` (s), the next try is at `due` (ms). */
  lost(since, due) {
    this._lost = { since: this._lost?.since ?? since, due };
    this._draw();
  }

  /** Contact is there. */
  found() {
    if (!this._lost) return;
    this._lost = null;
    this._draw();
  }

  /** Whether the scheduler is paused. */
  paused(is, mayResume) {
    if (is === this._paused && mayResume === this._mayResume) return;
    this._paused = is;
    this._mayResume = mayResume;
    this._draw();
  }

  /** Let the countdown go on. */
  tick() {
    if (this._count) setText(this._count, this._next());
  }

  _next() {
    const left = Math.ceil((this._lost.due - Date.now()) / 1000);
    return left > 0 ? `Next try in ${left} s.` : 'Trying now.';
  }

  _draw() {
    this._count = null;
    if (this._lost) {
      // the countdown is not announced each second: what is read aloud is the sentence before it
      this._count = h('span', { 'aria-hidden': 'true', text: this._next() });
      put(this._box, h('div', { class: 'banner s-missing' }, icon('i-off'),
        h('span', { class: 'ellip' }, `No contact with the scheduler since ${clock(this._lost.since)}. `, h('span', { class: 'hide-s' }, 'Shown data may be old. '), this._count),
        h('span', { class: 'grow' }), button('Try now', this._retry, { class: 'sm' })));
    } else if (this._paused) {
      put(this._box, h('div', { class: 'banner s-missing' }, icon('i-pause'),
        h('span', { class: 'ellip', text: 'Paused. Running tasks finish, no task starts.' }), h('span', { class: 'grow' }),
        this._mayResume ? button('Resume', this._resume, { class: 'sm' }) : null));
    } else {
      put(this._box);
    }
  }
}
