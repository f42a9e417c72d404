// The chart of attempts: lanes, rows, bars. Bars are placed once; a moving window moves them by one variable.
import { h, put } from '../dom.js';
import { href } from '../router.js';
import { clock, duration, number, WORDS } from '../words.js';
import { keyOf, lanesOf, ticksOf } from './gantt-rows.js';
import { stateIcon, status } from './status.js';
import { stateOf, values } from './task-facts.js';

const AHEAD = 0.03; // of the width stays free at the right of now
const SMALL = 24; // px, the least width of a target
const MOST_STILL = 50; // more running icons than this stand still

const two = (n) => String(n).padStart(2, '0');

/** The state of an attempt's bar. */
export const stateOfAttempt = (attempt) =>
  attempt.end === null ? (attempt.status === 'BATCH_RUNNING' ? 'batch' : 'running') : stateOf(attempt.status);

/** What an attempt is called: family and values of its parameters. */
export const nameOf = (attempt) => `${attempt.family} ${values(attempt)}`.trim();

function tickText(at, step) {
  const date = new Date(at * 1000);
  if (step >= 86400) return `${date.getDate()} ${date.toLocaleString('en', { month: 'short' })}`;
  if (date.getHours() === 0 && date.getMinutes() === 0 && step >= 3600)
    return `${date.getDate()} ${date.toLocaleString('en', { month: 'short' })}`;
  return `${two(date.getHours())}:${two(date.getMinutes())}${step < 60 ? `:${two(date.getSeconds())}` : ''}`;
}

export class Gantt {
  constructor() {
    this.axis = h('div', { class: 'gaxis', 'aria-hidden': 'true' });
    this.over = h('div', { class: 'over', 'aria-hidden': 'true' });
    this.lanes = h('div', { class: 'lanes' });
    this.element = h('section', { class: 'card gantt', 'aria-label': 'Attempts' }, this.axis, this.lanes);
    this.bars = new Map();
    this.listen();
    this.sized = new ResizeObserver(() => {
      const width = this.trackWidth();
      if (Math.abs(width - (this.width ?? 0)) > 4 && this.shown) this.show(this.shown);
    });
    this.sized.observe(this.element);
  }

  trackWidth() {
    return Math.max(100, this.axis.getBoundingClientRect().width);
  }

  /**
   * Draw attempts.
   * @param {{attempts: any[], from: number, to: number, now: number, lane: (attempt: any) => string, tell: (name: string, lane: any) => any, label: string}} what
   */
  show(what) {
    this.shown = what;
    this.width = this.trackWidth();
    const { attempts, from, to, now, lane, tell, label } = what;
    this.from = from;
    this.span = (to - from) / (1 - AHEAD);
    this.element.setAttribute('aria-label', label);
    this.bars.clear();
    this.running = [];
    const lanes = lanesOf(attempts, lane, now),
      still = attempts.filter((each) => each.end === null).length > MOST_STILL;
    this.element.classList.toggle('still', still);
    const held = this.lanes.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    put(
      this.lanes,
      this.over,
      lanes.map((one) => this.lane(one, tell)),
    );
    this.move(from, now);
    if (held && this.bars.has(held)) this.bars.get(held).focus({ preventScroll: true });
    return lanes.length;
  }

  lane({ name, rows, running }, tell) {
    const track = h('div', { class: 'track' });
    rows.forEach((row, at) => track.append(...row.map((attempt) => this.bar(attempt, at))));
    if (!track.querySelector('a:not([tabindex])')) track.firstElementChild?.removeAttribute('tabindex');
    const body = h('div', { class: 'rows' }, track);
    body.style.setProperty('--rows', String(rows.length));
    return h(
      'section',
      { class: 'lane', 'aria-label': name || 'unknown' },
      h(
        'header',
        {},
        h('b', { class: 'ellip', title: name, text: name || 'unknown' }),
        h('span', { class: 'dim ellip' }, tell(name, { running, rows })),
      ),
      body,
    );
  }

  bar(attempt, row) {
    const state = stateOfAttempt(attempt),
      key = keyOf(attempt),
      took = (attempt.end ?? this.shown.now) - attempt.start;
    const wide =
      ((Math.min(attempt.end ?? this.shown.now, this.from + this.span) - Math.max(attempt.start, this.from)) / this.span) *
      this.width;
    const parts = [];
    if (wide > 18) parts.push(stateIcon(state));
    if (wide > 130) parts.push(h('span', { class: 'f', text: attempt.family }));
    if (wide > 64) parts.push(h('span', { class: 'p', text: values(attempt) }));
    const bar = h(
      'a',
      {
        class: `att s-${state}`,
        href: href('task', { id: attempt.task_id, attempt: attempt.attempt > 1 ? attempt.attempt : null }),
        dataset: { key },
        // bars too small to be hit are reached by the arrow keys, and are in the table
        tabindex: wide < SMALL ? '-1' : null,
        'aria-label': `${nameOf(attempt)}, ${WORDS[state].toLowerCase()}, ${attempt.end === null ? `for ${duration(took)}` : duration(took)}`,
      },
      parts,
    );
    bar.style.top = `calc(${row} * var(--att) + 3px)`;
    bar.attempt = attempt;
    this.place(bar, attempt, this.shown.now);
    this.bars.set(key, bar);
    if (attempt.end === null) this.running.push(bar);
    return bar;
  }

  /** Bars stand where they began, counted from the window that was drawn; see move. */
  place(bar, attempt, now) {
    const left = Math.max(-0.002, (attempt.start - this.from) / this.span),
      right = Math.min(2, ((attempt.end ?? now) - this.from) / this.span);
    bar.style.left = `${(left * 100).toFixed(3)}%`;
    bar.style.width = `max(4px, ${((right - left) * 100).toFixed(3)}%)`;
  }

  /** Move the window so that it begins at `from`, and let what runs grow up to `now`. */
  move(from, now) {
    const shift = (from - this.from) / this.span,
      end = from + this.span;
    this.element.style.setProperty('--shift', `${(-100 * shift).toFixed(4)}%`);
    for (const bar of this.running) this.place(bar, bar.attempt, now);
    const { step, ticks } = ticksOf(from, end, Math.max(3, Math.floor(this.width / 78)));
    const at = (time) => `${((100 * (time - from)) / this.span).toFixed(3)}%`,
      inside = now >= from && now <= end;
    const key = `${from.toFixed(0)} ${now.toFixed(0)} ${this.width}`;
    if (key === this.drawn) return;
    this.drawn = key;
    const near = (time) => inside && (Math.abs(time - now) / this.span) * this.width < 62;
    put(
      this.axis,
      ticks.filter((time) => !near(time)).map((time) => h('span', { style: { left: at(time) }, text: tickText(time, step) })),
      inside ? h('span', { class: 'nowtag', style: { left: at(now) }, text: clock(now, now) }) : null,
    );
    put(
      this.over,
      ticks.map((time) => h('i', { class: 'vline', style: { left: at(time) } })),
      inside ? h('i', { class: 'vline now', style: { left: at(now) } }) : null,
    );
  }

  // -- one tooltip for all bars

  listen() {
    const barOf = (event) => event.target.closest?.('.att');
    this.element.addEventListener('pointerover', (event) => {
      const bar = barOf(event);
      if (bar) this.tip(bar);
      else this.hide();
    });
    this.element.addEventListener('pointerleave', () => this.hide());
    this.element.addEventListener('focusin', (event) => {
      const bar = barOf(event);
      if (bar?.matches(':focus-visible')) this.tip(bar);
    });
    this.element.addEventListener('focusout', () => this.hide());
    this.element.addEventListener('keydown', (event) => this.key(event));
  }

  key(event) {
    const bar = event.target.closest?.('.att');
    if (!bar) return;
    if (event.key === 'Escape' && this.pop) {
      this.hide();
      event.preventDefault();
      return;
    }
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    const all = [...bar.closest('.track').children].sort((a, b) => a.attempt.start - b.attempt.start),
      next = all[all.indexOf(bar) + way];
    if (next) {
      next.focus();
      event.preventDefault();
    }
  }

  tip(bar) {
    this.hide();
    const { attempt } = bar,
      now = this.shown.now,
      state = stateOfAttempt(attempt);
    this.pop = h(
      'div',
      { class: 'pop', role: 'tooltip', id: 'bar-tip' },
      h('span', {}, h('b', { class: 'fam', text: `${attempt.family} ` }), h('span', { class: 'par brk', text: values(attempt) })),
      status(state),
      h('span', {
        class: 'soft',
        text:
          attempt.end === null
            ? `since ${clock(attempt.start, now)}, for ${duration(Math.max(0, now - attempt.start))}`
            : `${clock(attempt.start, now)} to ${clock(attempt.end, now)}, ${duration(attempt.end - attempt.start)}`,
      }),
      h('span', {
        class: 'dim',
        text: `on ${attempt.worker ?? 'an unknown worker'}${attempt.attempt > 1 ? `, attempt ${number(attempt.attempt)}` : ''}`,
      }),
    );
    document.body.append(this.pop);
    const box = bar.getBoundingClientRect(),
      own = this.pop.getBoundingClientRect(),
      left = Math.max(box.left, this.axis.getBoundingClientRect().left);
    this.pop.style.left = `${Math.max(8, Math.min(innerWidth - own.width - 8, left))}px`;
    this.pop.style.top = `${box.bottom + own.height + 8 > innerHeight ? box.top - own.height - 6 : box.bottom + 6}px`;
    bar.setAttribute('aria-describedby', 'bar-tip');
    this.tipped = bar;
  }

  hide() {
    this.pop?.remove();
    this.tipped?.removeAttribute('aria-describedby');
    this.pop = this.tipped = undefined;
  }

  close() {
    this.hide();
    this.sized.disconnect();
  }
}
