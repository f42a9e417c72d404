// The list of tasks: a query, chips, a table that pages and sorts on the server, and what can be done to tasks.

import { call } from '../api.js';
import { button, find, h, put, setText } from '../dom.js';
import { copy } from '../parts/copy.js';
import { Pager } from '../parts/pager.js';
import { QueryBar, queryHelp } from '../parts/querybar.js';
import { onlyStates } from '../parts/querytext.js';
import { Selection } from '../parts/selection.js';
import { emptyState, errorState } from '../parts/state.js';
import { steer, steerMany } from '../parts/steering.js';
import { makeRow, updateRow } from '../parts/taskrow.js';
import { clock, label, number, plural } from '../words.js';

export const title = 'Tasks';

const COLUMNS = [['st', 'Status', 'state'], ['ta', 'Task', 'family'], ['wh', 'Why, or what it says'], ['wk', 'Worker', 'worker'], ['pr', 'Prio', 'priority'], ['up', 'Updated', 'updated'], ['du', 'Took', 'took']];
const NUMBERS = new Set(['pr', 'up', 'du']);
const LATEST_FIRST = new Set(['priority', 'updated', 'took']);
const MOST_STILL = 50; // turning rings in view
const OLD = 60; // seconds: derived states are told as older than this
const MOST_IDS = 10_000;

/** Show the list. */
export async function open(main, params, app) {
  const view = new Tasks(main, app);
  await view.show(params);
  return view;
}

class Tasks {
  constructor(main, app) {
    this.app = app;
    this.can = { change: app.may() };
    this.trs = [];
    this.told = null;
    this.unwatch = null;
    this.asked = null;
    this.cursor = -1;
    this.elsewhere = 0;
    this.bar = new QueryBar((q, how) => this.navigate({ q, page: 1 }, how));
    this.pager = new Pager(change => this.navigate(change), () => this.load());
    this.selection = new Selection({ act: verb => this.steer(verb), all: () => this.selectAll(), drawn: () => this.drawSelection() });
    this.on = {
      select: (event, row) => this.selection.pressed(event, this.trs.find(tr => tr.row === row), this.trs),
      retry: row => steer('Retry', [row.id], label(row), [row]),
    };
    this.draw(main);
  }

  draw(main) {
    this.sub = h('span', { class: 'sub' });
    this.all = h('input', { type: 'checkbox', class: 'ck', id: 'all', 'aria-label': 'Select all on this page', onchange: () => this.selection.page(this.trs, this.all.checked) });
    this.heads = COLUMNS.map(([cls, word, sort]) => h('th', { class: `c-${cls}${NUMBERS.has(cls) ? ' num' : ''}`, scope: 'col', dataset: { sort: sort ?? '' } },
      sort ? h('button', { type: 'button', onclick: () => this.sort(sort), text: word }) : word));
    this.body = h('tbody');
    this.table = h('table', { class: 't tasks' }, h('thead', {}, h('tr', {}, this.can.change ? h('th', { class: 'c-ck', scope: 'col' }, this.all) : null, this.heads, h('th', { class: 'c-ac', scope: 'col' }, h('span', { class: 'vh', text: 'Actions' })))), this.body);
    this.state = h('div', { hidden: true });
    this.scroll = h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Tasks' }, this.table, this.state);
    put(main,
      h('div', { class: 'title' }, h('h1', { text: 'Tasks' }), this.sub, h('div', { class: 'acts' },
        button('Query help', queryHelp, { icon: 'i-help', class: 'quiet' }),
        button('Copy link to this view', () => copy(location.href, 'Link copied'), { icon: 'i-copy', class: 'hide-s' }))),
      this.bar.form, this.bar.chips,
      h('div', { class: 'card tablebox', id: 'list' }, this.scroll, this.pager.node, this.selection.bar));
    this.skeleton();
  }

  skeleton() {
    put(this.body, Array.from({ length: 14 }, (_, i) => h('tr', { 'aria-hidden': 'true' }, Array.from({ length: COLUMNS.length + 1 + Number(this.can.change) }, (__, c) => h('td', {}, h('span', { class: `sk w${1 + ((i + c) % 3)}` }))))));
  }

  // -- address

  show(params) {
    const sort = COLUMNS.some(([, , key]) => key && key === params.sort) ? params.sort : 'state';
    this.want = { q: params.q ?? '', sort, desc: params.desc === '1', page: Math.max(1, Number.parseInt(params.page, 10) || 1), rows: Math.min(1000, Math.max(1, Number.parseInt(params.rows, 10) || 50)) };
    this.bar.set(this.want.q);
    for (const head of this.heads) {
      if (head.dataset.sort && head.dataset.sort === sort) head.setAttribute('aria-sort', this.want.desc ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    }
    return this.load();
  }

  /** The address has changed. */
  update(params) {
    const before = this.want;
    this.show(params);
    if (before.q !== this.want.q) this.selection.clear();
    if (before.page !== this.want.page) this.scroll.scrollTop = 0;
  }

  navigate(change, how) {
    const { q, sort, desc, page, rows } = { ...this.want, ...change };
    this.app.go('tasks', { q, sort: sort === 'state' ? '' : sort, desc, page: page === 1 ? '' : page, rows: rows === 50 ? '' : rows }, how);
  }

  sort(key) {
    const desc = this.want.sort === key ? !this.want.desc : LATEST_FIRST.has(key);
    this.navigate({ sort: key, desc, page: 1 });
  }

  // -- data

  async load() {
    this.asked?.abort();
    const mine = (this.asked = new AbortController());
    const { q, sort, desc, page, rows } = this.want;
    this.table.setAttribute('aria-busy', 'true');
    let told;
    try {
      told = await call('task_page', { query: q, sort, descending: desc, offset: (page - 1) * rows, limit: rows }, { signal: mine.signal });
    } catch (error) {
      if (error.name === 'AbortError' || mine !== this.asked) return 0;
      this.fail(error);
      return 0;
    }
    if (mine !== this.asked) return 0;
    this.table.removeAttribute('aria-busy');
    if (!told.error && !told.rows.length && told.total > 0 && page > 1) {
      this.navigate({ page: Math.ceil(told.total / rows) }, { replace: true });
      return 0;
    }
    return this.take(told);
  }

  fail(error) {
    this.table.removeAttribute('aria-busy');
    if (this.told) { this.app.toast(`The list could not be loaded. ${error.text}`, { undo: () => this.load(), verb: 'Try again' }); return; }
    this.stand(errorState('The list could not be loaded', error, () => { this.stand(null); this.skeleton(); this.load(); }));
  }

  /** Show an answer; returns how many rows are other ones than before. */
  take(told) {
    this.bar.told(told);
    if (told.error && this.told && !this.told.error) { this.table.classList.add('stale'); return 0; }
    this.table.classList.remove('stale');
    const had = new Map(this.trs.map(tr => [tr.row.id, tr]));
    const now = this.app.now();
    let changed = 0;
    this.trs = told.rows.map(row => {
      const tr = had.get(row.id);
      if (!tr) { changed++; return makeRow(row, now, this.can, this.on); }
      if (tr.row.state !== row.state) changed++;
      updateRow(tr, row, now, this.can, this.on);
      return tr;
    });
    const first = this.told === null;
    this.told = told;
    if (!sameOrder(this.body.children, this.trs)) put(this.body, this.trs);
    this.bar.counts(told.counts);
    this.pager.show({ page: this.want.page, rows: this.want.rows, shown: told.rows.length, total: told.total });
    this.elsewhere = 0;
    this.pager.changed(0);
    this.stand(told.rows.length ? null : this.nothing(told));
    setText(this.sub, this.subtitle(told));
    this.cursor = Math.min(this.cursor, this.trs.length - 1);
    this.drawSelection();
    this.still();
    this.watch();
    return first ? 0 : changed;
  }

  subtitle({ total, all, as_of: asOf }) {
    const n = this.want.q.trim() ? `${number(total)} of ${plural(all, 'task')}` : plural(all, 'task');
    // the stream tells it too, and that nothing has changed since
    const known = Math.max(asOf ?? 0, this.app.counts?.as_of ?? 0);
    const old = known && this.app.now() - known > OLD ? `, upstream states as of ${clock(known, this.app.now())}` : '';
    return n + old;
  }

  nothing(told) {
    if (told.error) return emptyState('The query cannot be read', told.error.text, ['Clear the filter', () => this.navigate({ q: '', page: 1 })], ['Query help', queryHelp]);
    if (told.all > 0) return emptyState('No task matches', `Nothing among ${plural(told.all, 'task')} fits “${this.want.q}”.`, ['Clear the filter', () => this.navigate({ q: '', page: 1 })]);
    return emptyState('No task yet', [
      'The scheduler knows no task. Tasks appear as soon as a worker tells of them. In a folder with a module of tasks:',
      h('pre', { class: 'first', tabindex: '0', text: `luigi --module my_tasks MyTask --scheduler-host ${location.hostname}${location.port ? ` --scheduler-port ${location.port}` : ''}` }),
    ]);
  }

  stand(node) {
    this.state.hidden = !node;
    this.table.hidden = Boolean(node);
    put(this.state, node);
    if (node) this.pager.show({ page: 1, rows: this.want.rows, shown: 0, total: this.told?.total ?? 0 });
  }

  // -- live

  watch() {
    const old = this.unwatch;
    this.unwatch = this.app.watch({ ids: this.trs.map(tr => tr.row.id), query: this.want.q }, {
      tasks: ({ rows }) => this.news(rows),
      changed: ({ n }) => { this.elsewhere = n; this.pager.changed(n); },
      counts: data => { if (onlyStates(this.want.q)) this.bar.counts(data.states); },
      back: () => this.load(),
    });
    old?.();
  }

  news(rows) {
    const now = this.app.now(), at = new Map(this.trs.map(tr => [tr.row.id, tr]));
    for (const row of rows) {
      const tr = at.get(row.id);
      if (!tr) continue;
      updateRow(tr, row, now, this.can, this.on);
      if (this.selection.rows.has(row.id)) this.selection.rows.set(row.id, row);
    }
    this.drawSelection();
    this.still();
  }

  still() {
    document.documentElement.classList.toggle('many-running', this.trs.filter(tr => tr.row.state === 'running').length > MOST_STILL);
  }

  // -- selection

  drawSelection() {
    if (!this.can.change) return;
    this.selection.draw(this.trs, this.all, this.told?.total ?? 0, this.app.online);
    this.pager.node.hidden = this.selection.size > 0;
  }

  async selectAll() {
    try {
      const { total, ids } = await call('task_ids', { query: this.want.q, limit: MOST_IDS });
      this.selection.ids(ids);
      if (total > ids.length) this.app.toast(`The first ${number(ids.length)} of ${number(total)} are selected: more are not changed at once.`);
    } catch (error) {
      this.app.toast(error.text);
    }
  }

  async steer(verb) {
    const chosen = this.selection.rows, ids = [...chosen.keys()];
    const rows = [...chosen.values()].filter(Boolean);
    const whole = rows.length === ids.length;
    const about = whole ? '' : this.want.q.trim() ? `All that match “${this.want.q}”.` : 'All tasks that the scheduler knows.';
    if (await steerMany(verb, ids, { rows: whole ? rows : [], about })) this.selection.clear();
  }

  // -- keys

  /** A key that no field took. */
  key(event) {
    if (event.key === '/') { this.bar.field.focus(); this.bar.field.select(); return true; }
    if (event.key === 'Escape') {
      if (event.target === this.bar.field) { this.bar.field.blur(); return true; }
      if (!this.selection.size) return false;
      this.selection.clear();
      return true;
    }
    if (event.key === 'j' || event.key === 'k') { this.move(event.key === 'j' ? 1 : -1); return true; }
    const tr = this.trs[this.cursor];
    if (event.key === 'x' && tr && this.can.change) { find('.ck', tr).click(); return true; }
    if (event.key === 'Enter' && tr && event.target === document.body) { this.app.go('task', { id: tr.row.id }); return true; }
    return false;
  }

  move(step) {
    if (!this.trs.length) return;
    this.trs[this.cursor]?.classList.remove('cursor');
    this.cursor = Math.max(0, Math.min(this.trs.length - 1, this.cursor + step));
    const tr = this.trs[this.cursor];
    tr.classList.add('cursor');
    tr.scrollIntoView({ block: 'nearest' });
    find('a', tr).focus({ preventScroll: true });
  }

  /** The view is left. */
  close() {
    this.asked?.abort();
    this.asked = null;
    this.bar.close();
    this.unwatch?.();
    document.documentElement.classList.remove('many-running');
  }
}

function sameOrder(children, nodes) {
  return children.length === nodes.length && nodes.every((node, i) => children[i] === node);
}
