// When tasks ran: by worker, by family, or as a table.
import { call } from '../api.js';
import { button, h, put, setText } from '../dom.js';
import { durationsCard } from '../parts/durations.js';
import { Gantt, nameOf, stateOfAttempt } from '../parts/gantt.js';
import { keyOf, runsOf } from '../parts/gantt-rows.js';
import { emptyState, errorState, skeleton } from '../parts/state.js';
import { status } from '../parts/status.js';
import { values } from '../parts/task-facts.js';
import { href } from '../router.js';
import { clock, duration, number, plural, UNKNOWN } from '../words.js';

export const title = 'Timeline';

const RANGES = { '15m': ['15 min', 900], '1h': ['1 hour', 3600], '6h': ['6 hours', 21600], '24h': ['24 hours', 86400] };
const BY = { worker: 'By worker', family: 'By family', table: 'As a table' };
const LIMIT = 3000,
  TABLE = 500,
  NEWS = 3000,
  MOST_LANES = 200;

/** `2026-11-24T12:30` of a field → unix seconds, or null. */
const unixOf = (text) => {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? null : at / 1000;
};
const fieldOf = (unix) => {
  const at = new Date(unix * 1000);
  return new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
};

/** @param {HTMLElement} main */
export async function open(main, params, app) {
  const view = new TimelineView(main, params, app);
  await view.load();
  return view;
}

class TimelineView {
  constructor(main, params, app) {
    this.main = main;
    this.app = app;
    this.params = params;
    this.following = true;
    this.workers = new Map();
    this.gantt = new Gantt();
    this.build();
    this.unwatch = app.watch({ topics: ['workers'] }, { workers: ({ rows }) => this.tellWorkers(rows), back: () => this.load() });
    this.ticker = setInterval(() => this.tick(), 1000);
  }

  get by() {
    return BY[this.params.by] ? this.params.by : 'worker';
  }

  get fixed() {
    const from = unixOf(this.params.from),
      to = unixOf(this.params.to);
    return from !== null && to !== null && to > from ? { from, to } : null;
  }

  get range() {
    return RANGES[this.params.range] ? this.params.range : '1h';
  }

  window() {
    if (this.fixed) return this.fixed;
    const to = this.following || !this.seen ? this.app.now() : this.seen.to;
    return { from: to - RANGES[this.range][1], to };
  }

  build() {
    const seg = (name, words, told) =>
      h(
        'div',
        { class: 'seg', role: 'group', 'aria-label': name },
        Object.entries(words).map(([value, text]) =>
          h('button', { type: 'button', dataset: { value }, onclick: () => told(value), text }),
        ),
      );
    this.ranges = seg(
      'Range',
      { ...Object.fromEntries(Object.entries(RANGES).map(([key, [text]]) => [key, text])), own: 'From … to' },
      (value) => this.chooseRange(value),
    );
    this.lanes = seg('Lanes', BY, (value) => this.goTo({ by: value === 'worker' ? '' : value }));
    this.follow = h('input', {
      type: 'checkbox',
      class: 'ck',
      checked: true,
      onchange: () => {
        this.following = this.follow.checked;
        if (this.following) this.load();
      },
    });
    this.fromField = h('input', { type: 'datetime-local', class: 'field', id: 'tl-from' });
    this.toField = h('input', { type: 'datetime-local', class: 'field', id: 'tl-to' });
    this.own = h(
      'form',
      {
        class: 'own',
        hidden: true,
        onsubmit: (event) => {
          event.preventDefault();
          this.chooseOwn();
        },
      },
      h('label', { for: 'tl-from', text: 'From' }),
      this.fromField,
      h('label', { for: 'tl-to', text: 'to' }),
      this.toField,
      h('button', { class: 'b sm', text: 'Show' }),
      h('span', { class: 'bad', role: 'alert' }),
    );
    this.said = h('span', { class: 'dim', role: 'status' });
    this.followBox = h('label', { class: 'check' }, this.follow, 'Follow now');
    this.stage = h('div', {}, h('div', { class: 'card' }, skeleton(6)));
    this.families = h('div');
    put(
      this.main,
      h(
        'div',
        { class: 'gtools' },
        h('h1', { text: 'Timeline' }),
        this.ranges,
        this.lanes,
        this.followBox,
        h('span', { class: 'grow' }),
        h('span', { class: 'key hide-s' }, status('done'), status('failed'), status('running')),
        this.said,
        h('a', { class: 'b sm', href: href('history'), text: 'History' }),
      ),
      this.own,
      this.stage,
      this.families,
    );
    this.press();
  }

  press() {
    const range = this.fixed || this.choosing ? 'own' : this.range;
    for (const [group, chosen] of [
      [this.ranges, range],
      [this.lanes, this.by],
    ])
      for (const one of group.children) one.setAttribute('aria-pressed', String(one.dataset.value === chosen));
    this.own.hidden = range !== 'own';
    this.followBox.hidden = range === 'own';
  }

  goTo(change) {
    this.app.go('timeline', { ...this.params, ...change });
  }

  chooseRange(value) {
    if (value !== 'own') {
      this.choosing = false;
      this.following = this.follow.checked = true;
      this.goTo({ range: value === '1h' ? '' : value, from: '', to: '' });
      this.press();
      return;
    }
    this.choosing = true;
    const { from, to } = this.window();
    this.fromField.value = fieldOf(from);
    this.toField.value = fieldOf(to);
    this.press();
    this.fromField.focus();
  }

  chooseOwn() {
    const from = unixOf(this.fromField.value),
      to = unixOf(this.toField.value),
      bad = this.own.querySelector('.bad');
    const wrong = from === null || to === null ? 'Give both times.' : to <= from ? 'The end has to be after the beginning.' : '';
    setText(bad, wrong);
    if (!wrong) this.goTo({ from: this.fromField.value, to: this.toField.value, range: '' });
  }

  // -- loading: all of the window once, then what is new

  async load() {
    const turn = (this.turn = (this.turn ?? 0) + 1),
      { from, to } = this.window();
    clearTimeout(this.timer);
    try {
      const [attempts, families] = await Promise.all([
        call('attempts', { since: from, until: to, limit: LIMIT }),
        call('family_durations', { since: from, until: to }),
      ]);
      if (turn !== this.turn) return;
      this.attempts = new Map(runsOf(attempts).map((each) => [keyOf(each), each]));
      this.capped = attempts.length >= LIMIT;
      this.heard = this.app.now();
      this.draw();
      this.drawFamilies(families);
    } catch (error) {
      if (turn !== this.turn) return;
      put(
        this.stage,
        h(
          'div',
          { class: 'card' },
          errorState('The timeline could not be loaded', error, () => this.load()),
        ),
      );
    }
    this.schedule();
  }

  schedule() {
    clearTimeout(this.timer);
    if (!this.closed && !this.fixed) this.timer = setTimeout(() => this.more(), document.hidden ? NEWS * 5 : NEWS);
  }

  /** Ask for what ran since the last question. */
  async more() {
    if (!this.following || !this.attempts) {
      this.schedule();
      return;
    }
    const turn = this.turn,
      since = this.heard - 5;
    try {
      const news = runsOf(await call('attempts', { since, limit: LIMIT }));
      if (turn !== this.turn) return;
      this.heard = this.app.now();
      let changed = false;
      for (const each of news) {
        const key = keyOf(each),
          known = this.attempts.get(key);
        if (!known || known.end !== each.end || known.status !== each.status) {
          this.attempts.set(key, each);
          changed = true;
        }
      }
      // a run that is not told any more has ended without a trace
      const told = new Set(news.map(keyOf));
      if (news.length < LIMIT)
        for (const [key, each] of this.attempts)
          if (each.end === null && !told.has(key)) {
            this.attempts.delete(key);
            changed = true;
          }
      const { from, to } = this.window();
      for (const [key, each] of this.attempts)
        if (each.end !== null && each.end < from) {
          this.attempts.delete(key);
          changed ||= this.by === 'table';
        }
      if (changed) {
        this.draw();
        if (this.app.now() - (this.familiesAt ?? 0) > 15)
          this.drawFamilies(await call('family_durations', { since: from, until: to }));
      }
    } catch {
      /* the banner tells it; what is shown stays */
    }
    if (turn === this.turn) this.schedule();
  }

  // -- drawing

  draw() {
    const { from, to } = this.window(),
      now = this.app.now(),
      all = [...this.attempts.values()];
    this.seen = { from, to };
    setText(this.said, `${this.capped ? `the latest ${number(all.length)} attempts` : plural(all.length, 'attempt')}`);
    this.said.title = this.capped ? `There are more than ${number(LIMIT)} in this range: choose a shorter one to see all.` : '';
    if (!all.length) {
      put(
        this.stage,
        h(
          'div',
          { class: 'card' },
          emptyState(
            'Nothing ran in this range',
            `No attempt between ${clock(from, now)} and ${clock(to, now)}.`,
            ...(this.range === '24h' || this.fixed ? [] : [['Show 24 hours', () => this.chooseRange('24h')]]),
          ),
        ),
      );
      return;
    }
    if (this.by === 'table') {
      put(this.stage, this.table(all, now));
      return;
    }
    if (this.gantt.element.parentNode !== this.stage) put(this.stage, this.gantt.element);
    const by = this.by,
      lane = by === 'worker' ? (each) => each.worker ?? '' : (each) => each.family;
    const names = new Set(all.map(lane)),
      few = names.size > MOST_LANES ? new Set([...names].sort().slice(0, MOST_LANES)) : null;
    this.gantt.show({
      attempts: few ? all.filter((each) => few.has(lane(each))) : all,
      from,
      to,
      now,
      lane,
      label: `Attempts by ${by}, ${clock(from, now)} to ${clock(to, now)}`,
      tell: (name, told) => this.tellLane(name, told),
    });
    if (few)
      this.stage.append(
        h('p', {
          class: 'gnote',
          text: `The first ${number(MOST_LANES)} of ${number(names.size)} lanes. Choose a shorter range to see the others.`,
        }),
      );
  }

  tellLane(name, { running, rows }) {
    if (this.by === 'family') {
      const n = rows.reduce((sum, row) => sum + row.length, 0);
      return `${plural(n, 'attempt')}${running ? `, ${number(running)} running` : ''}`;
    }
    const worker = this.workers.get(name);
    if (!worker) return running ? `${number(running)} running` : 'gone';
    const slots = worker.workers ?? worker.slots,
      busy = worker.num_running ?? running;
    if (worker.state === 'disabled') return `disabled${busy ? `, finishing ${number(busy)}` : ''}`;
    return slots ? `${number(busy)} of ${number(slots)} busy` : `${number(busy)} running`;
  }

  tellWorkers(rows) {
    const before = JSON.stringify(
      [...this.workers.values()].map((each) => [each.name, each.num_running, each.state, each.workers]),
    );
    this.workers = new Map(rows.map((each) => [each.name ?? each.id, each]));
    const after = JSON.stringify(rows.map((each) => [each.name ?? each.id, each.num_running, each.state, each.workers]));
    if (before !== after && this.attempts && this.by === 'worker') this.draw();
  }

  table(all, now) {
    const ended = (each) => each.end ?? Number.MAX_VALUE;
    const latest = all.sort((a, b) => ended(b) - ended(a) || b.start - a.start);
    const row = (each) =>
      h(
        'tr',
        {},
        h('td', {}, status(stateOfAttempt(each))),
        h(
          'td',
          {},
          h('a', { class: 'fam', href: href('task', { id: each.task_id }), text: each.family, title: nameOf(each) }),
          ' ',
          h('span', { class: 'par', text: values(each) }),
        ),
        h('td', { class: 'soft hide-s', text: each.worker ?? UNKNOWN }),
        h('td', { class: 'num soft hide-s', text: number(each.attempt) }),
        h('td', { class: 'nowrap', text: clock(each.start, now) }),
        h('td', { class: 'nowrap hide-s', text: each.end === null ? UNKNOWN : clock(each.end, now) }),
        h(
          'td',
          { class: 'num nowrap' },
          each.end === null
            ? h('span', { dataset: { since: each.start }, text: duration(Math.max(0, now - each.start)) })
            : duration(each.end - each.start),
        ),
      );
    return h(
      'section',
      { class: 'card', 'aria-label': 'Attempts' },
      h(
        'div',
        { class: 'scrollx', tabindex: '0', role: 'group', 'aria-label': 'Table of attempts' },
        h(
          'table',
          { class: 't' },
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              [
                ['Result', ''],
                ['Task', ''],
                ['Worker', 'hide-s'],
                ['Attempt', 'num hide-s'],
                ['Started', ''],
                ['Ended', 'hide-s'],
                ['Took', 'num'],
              ].map(([text, cls]) => h('th', { scope: 'col', class: cls, text })),
            ),
          ),
          h('tbody', {}, latest.slice(0, TABLE).map(row)),
        ),
      ),
      latest.length > TABLE
        ? h(
            'footer',
            {},
            `The latest ${number(TABLE)} of ${number(latest.length)} attempts.`,
            h('span', { class: 'grow' }),
            button(
              'Show all',
              () => {
                this.stage.querySelector('tbody').append(...latest.slice(TABLE).map(row));
                this.stage.querySelector('footer').remove();
              },
              { class: 'sm' },
            ),
          )
        : null,
    );
  }

  drawFamilies(families) {
    this.familiesAt = this.app.now();
    const said = this.fixed ? 'attempts of this range' : `attempts of the last ${RANGES[this.range][0].replace(/^1 /, '')}`;
    put(
      this.families,
      families.length
        ? durationsCard(
            [...families].sort((a, b) => (b.p95 ?? 0) - (a.p95 ?? 0)),
            said,
          )
        : null,
    );
  }

  tick() {
    if (
      this.fixed ||
      !this.following ||
      this.by === 'table' ||
      !this.attempts?.size ||
      document.hidden ||
      this.gantt.element.parentNode !== this.stage
    )
      return;
    const { from, to } = this.window();
    this.seen = { from, to };
    this.gantt.move(from, this.app.now());
  }

  update(params) {
    const before = JSON.stringify([this.params.range, this.params.from, this.params.to]);
    this.params = params;
    if (this.fixed) {
      this.choosing = false;
      this.fromField.value = params.from;
      this.toField.value = params.to;
    }
    this.press();
    if (before !== JSON.stringify([params.range, params.from, params.to])) this.load();
    else if (this.attempts) this.draw();
  }

  close() {
    this.closed = true;
    this.turn = -1;
    clearTimeout(this.timer);
    clearInterval(this.ticker);
    this.unwatch();
    this.gantt.close();
  }
}
