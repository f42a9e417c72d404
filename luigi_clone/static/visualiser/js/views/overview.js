// The overview: what needs somebody first, then what goes on.

import { call } from '../api.js';
import { button, h, morph, put, setText } from '../dom.js';
import { card } from '../parts/card.js';
import { meter, slots } from '../parts/meter.js';
import { emptyState, errorState, skeleton } from '../parts/state.js';
import { stateCount, stateIcon, statesBar } from '../parts/status.js';
import { steer, steerMany } from '../parts/steering.js';
import { throughput } from '../parts/throughput.js';
import { href, quoted } from '../router.js';
import { GROUPS, GROUP_WORDS, UNKNOWN, WORDS, ago, clock, duration, number, percent, plural } from '../words.js';

export const title = 'Overview';

const FRESH = 3000; // ms between two looks while something changes
const MOST_WORKERS = 12, MOST_RESOURCES = 8, MOST_FAMILIES = 30;

/** Show it. */
export async function open(main, params, app) {
  const view = new Overview(main, app);
  await view.load();
  return view;
}

class Overview {
  constructor(main, app) {
    this.app = app;
    this.told = null;
    this.timer = 0;
    this.asking = false;
    this.again = false;
    this.closed = false;
    this.sub = h('span', { class: 'sub' });
    this.acts = h('div', { class: 'acts' });
    this.rest = h('div', {}, skeleton(10));
    put(main, h('div', { class: 'title' }, h('h1', { text: 'Overview' }), this.sub, this.acts), this.rest);
    // the rows are redrawn in place: the listener is here, and looks up what the button means now
    this.rest.addEventListener('click', event => {
      const pressed = event.target.closest('button[data-retry]');
      const row = pressed && this.told?.attention.find(one => `${one.family} ${one.state}` === pressed.dataset.retry);
      if (row) this.retry(row);
    });
    this.unwatch = app.watch({ topics: ['overview'] }, { counts: () => this.soon(), back: () => this.load() });
  }

  /** Look again in a while, however often something changes. */
  soon() {
    if (this.timer || this.closed || !this.told) return;
    this.timer = setTimeout(() => { this.timer = 0; if (!document.hidden) this.load(); else this.soon(); }, FRESH);
  }

  async load() {
    if (this.asking) { this.again = true; return 0; }
    this.asking = true;
    try {
      const told = await call('overview');
      if (this.closed) return 0;
      this.told = told;
      this.draw();
    } catch (error) {
      if (this.closed || error.name === 'AbortError') return 0;
      if (!this.told) put(this.rest, h('div', { class: 'card' }, errorState('The overview could not be loaded', error, () => { put(this.rest, skeleton(10)); this.load(); })));
    } finally {
      this.asking = false;
    }
    if (this.again) { this.again = false; this.soon(); }
    return 0;
  }

  draw() {
    const told = this.told;
    setText(this.sub, summary(told));
    this.drawActs();
    const fresh = h('div');
    if (told.total === 0 && told.workers_total === 0) put(fresh, h('div', { class: 'card' }, firstSteps()));
    else put(fresh, this.board(), h('div', { class: 'ov' }, h('div', { class: 'stack' }, this.attention(), this.families()), h('div', { class: 'stack' }, this.chart(), this.workers(), this.resources())));
    morph(this.rest, fresh);
  }

  drawActs() {
    const failed = this.told.states.failed ?? 0;
    if (!failed || !this.app.may()) { put(this.acts); return; }
    if (this.acts.firstChild) return;
    put(this.acts, button('Retry all failed', () => this.retryAll(), { icon: 'i-retry', dataset: { acts: '' } }));
  }

  async retryAll() {
    try {
      const { ids, total } = await call('task_ids', { query: 'status:failed', limit: 10_000 });
      await steerMany('Retry', ids, { about: total > ids.length ? `The first ${number(ids.length)} of ${number(total)} failed tasks.` : 'All failed tasks. What waits for them is freed as they finish.' });
    } catch (error) {
      this.app.toast(error.text);
    }
  }

  board() {
    const { states, groups, total, slots: room } = this.told;
    const small = {
      attention: states.failed ? `${plural(states.failed, 'task')} failed` : '',
      moving: `${number(room.busy)} of ${plural(room.total, 'slot')} busy`,
      waiting: this.waitsFor(),
      finished: `${percent(groups.finished, total)} of ${number(total)}`,
    };
    const one = state => h('li', {}, h('a', { class: `st s-${state}${states[state] ? '' : ' zero'}`, href: href('tasks', { q: `status:${state}` }) }, stateIcon(state), `${WORDS[state]} `, h('b', { text: number(states[state] ?? 0) })));
    return h('div', { class: 'card' }, statesBar(states, 'sb bandbar'), h('div', { class: 'board' }, Object.entries(GROUPS).map(([group, all]) =>
      h('section', { 'aria-label': `Count: ${GROUP_WORDS[group]}` }, h('h2', { text: GROUP_WORDS[group] }),
        h('p', { class: 'big' }, h('span', { text: number(groups[group] ?? 0) }), ' ', h('small', { text: small[group] })), h('ul', {}, all.map(one))))));
  }

  waitsFor() {
    const taken = this.mostWanted(), ready = this.told.states.ready ?? 0;
    if (taken) return `${number(taken.waiting)} ${taken.waiting === 1 ? 'waits' : 'wait'} for ${taken.name}`;
    return ready ? `${number(ready)} ${ready === 1 ? 'needs' : 'need'} only a slot` : '';
  }

  mostWanted() {
    return this.told.resources.reduce((most, one) => (one.waiting > (most?.waiting ?? 0) ? one : most), null);
  }

  attention() {
    const rows = this.told.attention;
    const nothing = h('div', { class: 'body soft' }, 'Nothing needs attention.');
    const table = h('table', { class: 't attn' },
      h('thead', {}, h('tr', {}, h('th', { scope: 'col', text: 'Tasks' }), h('th', { scope: 'col', text: 'Family and last cause' }),
        h('th', { scope: 'col', class: 'num' }, h('span', { class: 'hide-s', text: 'Holds back' }), h('span', { class: 'only-s', text: 'Holds' })), h('th', { scope: 'col', class: 'hide-s', text: 'Next' }), h('th', {}, h('span', { class: 'vh', text: 'Action' })))),
      h('tbody', {}, rows.map(row => this.attentionRow(row))));
    return card('attention', 'Needs attention', rows.length ? 'by tasks held back' : '', rows.length ? table : nothing);
  }

  attentionRow(row) {
    const q = queryOf(row);
    const retry = ['failed', 'disabled', 'missing'].includes(row.state) && this.app.may();
    const n = row.total_ids;
    const verb = n > 1 ? `Retry ${number(n)}` : 'Retry';
    return h('tr', { dataset: { key: `${row.family} ${row.state}` } }, h('td', {}, stateCount(row.state, n)),
      h('td', {}, h('a', { class: 'fam', href: href('tasks', { q }), text: row.family }), h('span', { class: 'why', title: row.cause ?? '', text: row.cause || WORDS[row.state] })),
      h('td', { class: 'num', text: number(row.holds_back) }),
      h('td', { class: 'soft nowrap hide-s', text: row.next_text ?? UNKNOWN }),
      h('td', { class: 'num' }, retry ? button(verb, null, { class: 'sm', label: `${verb} of ${row.family}`, dataset: { acts: '', retry: `${row.family} ${row.state}` } }) : null));
  }

  async retry(row) {
    const q = queryOf(row);
    if (row.total_ids === 1) { await steer('Retry', row.ids, row.family); return; }
    try {
      const ids = row.total_ids > row.ids.length ? (await call('task_ids', { query: q, limit: 10_000 })).ids : row.ids;
      await steerMany('Retry', ids, { rows: ids.map(id => ({ id, family: row.family, state: row.state })) });
    } catch (error) {
      this.app.toast(error.text);
    }
  }

  families() {
    const { families, families_total: total } = this.told;
    const row = one => h('tr', {},
      h('td', { class: 'ellip' }, h('a', { class: 'fam', href: href('tasks', { q: `family:${quoted(one.family)}` }), title: one.family, text: one.family })),
      h('td', { class: 'barcell' }, statesBar(one.states)),
      h('td', { class: 'num' }, number(one.states.done ?? 0), h('span', { class: 'dim', text: ` / ${number(one.total)}` })),
      h('td', { class: 'num' }, one.states.failed ? stateCount('failed', one.states.failed) : h('span', { class: 'dim', text: UNKNOWN })),
      h('td', { class: 'num soft hide-s', text: duration(one.p50) }), h('td', { class: 'num soft hide-s', text: duration(one.p95) }));
    const shown = families.slice(0, MOST_FAMILIES);
    const table = h('table', { class: 't fams' },
      h('thead', {}, h('tr', {}, ['Family', 'Progress', 'Done', 'Failed', 'p50', 'p95'].map((word, i) => h('th', { scope: 'col', class: `${i > 1 ? 'num' : ''}${i > 3 ? ' hide-s' : ''}`, text: word })))),
      h('tbody', {}, shown.map(row)));
    return card('families', 'Families', 'durations of attempts that are remembered', table,
      total > shown.length ? h('footer', { text: `${number(shown.length)} of ${plural(total, 'family', 'families')}, those that need attention first` }) : null);
  }

  chart() {
    const { minutes, rate } = this.told;
    const trend = rate.done_before ? ` ${rate.done >= rate.done_before ? '+' : '−'}${number(Math.round((100 * Math.abs(rate.done - rate.done_before)) / rate.done_before))} %` : '';
    return card('throughput', 'Throughput', 'last hour, per minute', h('div', { class: 'body' },
      h('dl', { class: 'kpis' },
        h('div', {}, h('dt', { text: 'Done' }), h('dd', {}, number(rate.done), trend ? h('small', { text: trend, title: 'against the hour before' }) : null)),
        h('div', {}, h('dt', { text: 'Failed' }), h('dd', { text: number(rate.failed) })),
        h('div', {}, h('dt', { text: 'Median wait' }), h('dd', { text: duration(rate.median_wait) }))), throughput(minutes)));
  }

  workers() {
    const { workers, workers_total: total, slots: room } = this.told;
    const now = this.app.now();
    const says = one => one.state === 'disabled' ? h('span', { class: 'st s-disabled nowrap', text: one.busy ? `disabled, finishing ${number(one.busy)}` : 'disabled' })
      : one.state === 'silent' ? h('span', { class: 'st s-missing nowrap', text: `silent, heard ${ago(now - one.last_seen)}` })
        : h('span', { class: 'soft nowrap', text: `${number(one.busy)}/${number(one.slots)}` });
    const rows = workers.slice(0, MOST_WORKERS).map(one => h('li', {}, h('a', { class: 'ellip', href: href('workers', { worker: one.id }), title: one.id, text: one.name ?? one.id }), slots(one.busy, one.slots, { off: one.state !== 'active' }), says(one)));
    return card('workers', h('a', { href: href('workers'), text: 'Workers' }), `${number(room.busy)} of ${plural(room.total, 'slot')} busy`,
      rows.length ? h('ul', { class: 'wl' }, rows) : h('div', { class: 'body soft' }, 'No worker. Tasks that wait start when one comes.'),
      total > rows.length ? h('footer', {}, h('a', { href: href('workers'), text: `All ${number(total)} workers` })) : null);
  }

  resources() {
    const all = this.told.resources;
    if (!all.length) return null;
    const waits = this.mostWanted();
    const rows = all.slice(0, MOST_RESOURCES).map(one => {
      const full = one.total > 0 && one.used >= one.total;
      const text = `${number(one.used)}/${number(one.total)}${full ? ' full' : ''}`;
      return h('li', {}, h('a', { class: 'ellip', href: href('workers', { show: 'resources' }), title: one.name, text: one.name }), meter(one.used, one.total, { label: `${number(one.used)} of ${number(one.total)} used` }),
        h('span', { class: full ? 'st s-missing nowrap' : 'soft nowrap', text }));
    });
    return card('resources', h('a', { href: href('workers', { show: 'resources' }), text: 'Resources' }), waits ? `${plural(waits.waiting, 'task')} ${waits.waiting === 1 ? 'waits' : 'wait'} for ${waits.name}` : '', h('ul', { class: 'wl' }, rows));
  }

  /** The view is left. */
  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.unwatch();
  }
}

function queryOf(row) {
  return `family:${quoted(row.family)} status:${row.state}`;
}

function summary({ total, groups, attention, estimate, now, paused }) {
  if (!total) return '';
  const open = total - (groups.finished ?? 0);
  const worst = attention[0];
  const parts = [];
  if (worst?.holds_back) parts.push(`${worst.family} holds back ${plural(worst.holds_back, 'task')}.`);
  if (!open) parts.push('Everything is done.');
  else if (paused) parts.push('No task starts until somebody resumes.');
  else if (estimate) parts.push(`At this pace the rest is done by about ${clock(estimate, now, false)}.`);
  return parts.join(' ');
}

function firstSteps() {
  return emptyState('Nothing here yet', [
    'The scheduler runs and waits for its first worker. Start one in a folder with a module of tasks:',
    h('pre', { class: 'first', tabindex: '0', text: `pip install luigi-clone\nluigi --module my_tasks MyTask --scheduler-host ${location.hostname}${location.port ? ` --scheduler-port ${location.port}` : ''}` }),
  ]);
}
