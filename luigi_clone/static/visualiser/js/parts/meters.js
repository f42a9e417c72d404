// The line under the top bar: the same numbers on every page, changed in place.

import { find, h, put, s, setText } from '../dom.js';
import { href } from '../router.js';
import { GROUPS, clock, number } from '../words.js';
import { stateIcon } from './status.js';

/** Draws the line once and keeps its numbers. */
export class Meters {
  constructor() {
    this._box = find('#meters');
    this._numbers = {};
    const group = (name, q, state, words) => h('a', { href: href('tasks', { q }) }, stateIcon(state), this._number(name), ` ${words}`);
    this._total = h('span');
    this._slots = bar();
    this._fullestBar = bar();
    this._fullestName = h('span', { class: 'ellip resname' });
    this._fullestWords = h('span');
    this._fullest = h('a', { href: href('workers', { show: 'resources' }), hidden: true }, this._fullestName, this._fullestBar.svg, this._fullestWords);
    this._name = h('span');
    this._clock = h('time');
    put(this._box,
      group('attention', 'is:attention', 'failed', 'need attention'), group('moving', 'is:moving', 'running', 'moving'),
      group('waiting', 'is:waiting', 'ready', 'waiting'),
      h('a', { href: href('tasks', { q: 'status:done' }) }, stateIcon('done'), this._number('finished'), h('span', {}, 'of ', this._total, ' done')),
      h('span', { class: 'm' }, 'Slots ', this._slots.svg, h('span', {}, this._number('busy'), '/', this._slotsTotal = h('span'))),
      h('span', { class: 'm' }, 'Done, last hour ', this._number('rate')),
      this._fullest, h('span', { class: 'm grow' }), h('span', { class: 'm dim' }, this._name, this._clock));
  }

  _number(name) {
    return (this._numbers[name] = h('b', { text: '–' }));
  }

  /** Show what the stream told. */
  counts(data) {
    for (const group of Object.keys(GROUPS)) setText(this._numbers[group], number(data.groups?.[group]));
    setText(this._total, number(data.total));
    const { busy = 0, total = 0 } = data.slots ?? {};
    setText(this._numbers.busy, number(busy));
    setText(this._slotsTotal, number(total));
    this._slots.set(busy, total, false);
    setText(this._numbers.rate, number(data.rate?.done ?? data.rate));
    const full = data.fullest;
    this._fullest.hidden = !full;
    if (full) {
      setText(this._fullestName, full.name);
      setText(this._fullestWords, `${number(full.used)}/${number(full.total)}${full.used >= full.total ? ' full' : ''}`);
      this._fullestBar.set(full.used, full.total, full.used >= full.total);
    }
  }

  /** Show the time of the scheduler, and its name. */
  time(now, name) {
    setText(this._name, name ? `${name} · ` : '');
    setText(this._clock, clock(now, now));
  }
}

function bar() {
  const rect = s('rect', { width: 0, height: 8 });
  const svg = s('svg', { class: 'mini meter', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, rect);
  return {
    svg,
    set(used, total, full) {
      rect.setAttribute('width', total > 0 ? Math.min(100, (100 * used) / total).toFixed(1) : 0);
      svg.classList.toggle('full', full);
    },
  };
}
