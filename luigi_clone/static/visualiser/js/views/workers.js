// Workers with their slots and what they run; resources with their limits; messages to tasks.

import { call } from '../api.js';
import { button, h, icon, morph, put, setText } from '../dom.js';
import { card } from '../parts/card.js';
import { confirm } from '../parts/dialog.js';
import { outcome, sendMessage, sent } from '../parts/message.js';
import { meter, progress, slots } from '../parts/meter.js';
import { emptyState, errorState, skeleton } from '../parts/state.js';
import { status } from '../parts/status.js';
import { stepper } from '../parts/stepper.js';
import { href } from '../router.js';
import { UNKNOWN, ago, clock, list, number, plural, ticking } from '../words.js';

export const title = 'Workers';

const AT_FIRST = 50, MORE = 100, MOST_TASKS = 30;
const FRESH = 5000; // ms between two looks at what the stream does not tell

/** Show them. */
export async function open(main, params, app) {
  const view = new Workers(main, app, params);
  await view.load();
  view.goTo(params);
  return view;
}

class Workers {
  constructor(main, app, params) {
    this.app = app;
    this.newest = params.sort === 'newest';
    this.most = AT_FIRST;
    this.workers = null;
    this.resources = [];
    this.about = new Map(); // of workers, from the overview: id → {state}
    this.waiting = new Map(); // name of a resource → tasks that wait
    this.asked = new Map(); // id of a worker → slots that it was asked to have
    this.timer = 0;
    this.closed = false;
    this.sub = h('span', { class: 'sub' });
    this.way = h('div', { class: 'seg', role: 'group', 'aria-label': 'Sort' }, this.wayButton('Busy first', false), this.wayButton('Newest first', true));
    this.rest = h('div', {}, skeleton(10));
    put(main, h('div', { class: 'title' }, h('h1', { text: 'Workers' }), this.sub, h('div', { class: 'acts' }, this.way)), this.rest);
    this.rest.addEventListener('click', event => {
      const pressed = event.target.closest('button[data-do]');
      if (pressed) this[pressed.dataset.do](pressed.dataset);
    });
    this.unwatch = app.watch({ topics: ['workers', 'resources'] }, {
      workers: ({ rows }) => { this.workers = rows; this.draw(); },
      resources: ({ rows }) => { this.resources = rows; this.draw(); },
      counts: () => this.soon(),
      back: () => this.load(),
    });
  }

  wayButton(text, newest) {
    return h('button', { type: 'button', 'aria-pressed': String(this.newest === newest), text, onclick: () => this.app.go('workers', { sort: newest ? 'newest' : '' }, { replace: true }) });
  }

  /** The address has changed. */
  update(params) {
    this.newest = params.sort === 'newest';
    [...this.way.children].forEach((node, i) => node.setAttribute('aria-pressed', String(Boolean(i) === this.newest)));
    this.draw();
    this.goTo(params);
  }

  /** Bring a worker or the resources into view. */
  goTo({ worker, show }) {
    if (worker && this.workers) {
      const at = this.sorted().findIndex(one => one.name === worker);
      if (at >= this.most) { this.most = at + 1; this.draw(); }
    }
    const key = show === 'resources' ? 'resources' : worker ? `worker ${worker}` : null;
    if (key) [...this.rest.querySelectorAll('[data-key]')].find(node => node.dataset.key === key)?.scrollIntoView({ block: 'start' });
  }

  soon() {
    if (this.timer || this.closed) return;
    this.timer = setTimeout(() => { this.timer = 0; if (document.hidden) this.soon(); else this.look(); }, FRESH);
  }

  async look() {
    try {
      this.took(await call('overview'));
      this.draw();
    } catch { /* the banner tells when there is no contact; the rest is drawn from what is known */ }
  }

  took(overview) {
    this.about = new Map(overview.workers.map(one => [one.id, one]));
    this.waiting = new Map(overview.resources.map(one => [one.name, one.waiting]));
  }

  async load() {
    try {
      const [workers, resources, overview] = await Promise.all([call('worker_list'), call('resource_list'), call('overview')]);
      if (this.closed) return 0;
      this.workers = workers;
      this.resources = resources;
      this.took(overview);
      this.draw();
    } catch (error) {
      if (!this.closed && !this.workers) put(this.rest, h('div', { class: 'card' }, errorState('The workers could not be loaded', error, () => { put(this.rest, skeleton(10)); this.load(); })));
    }
    return 0;
  }

  sorted() {
    const runs = worker => worker.num_running ?? 0;
    return [...this.workers].sort((a, b) => (this.newest ? 0 : runs(b) - runs(a)) || b.started - a.started);
  }

  draw() {
    if (!this.workers || this.closed) return;
    const all = this.sorted();
    const active = all.filter(one => one.state === 'active');
    const busy = all.reduce((sum, one) => sum + (one.num_running ?? 0), 0), room = active.reduce((sum, one) => sum + (one.workers ?? 0), 0);
    setText(this.sub, all.length ? `${number(all.length)} known, ${number(active.length)} taking tasks, ${number(busy)} of ${plural(room, 'slot')} busy` : '');
    this.way.hidden = all.length < 2;
    const shown = all.slice(0, this.most);
    const cards = shown.map(one => this.worker(one));
    const fresh = h('div', {}, h('div', { class: 'wg' },
      h('div', { class: 'stack' }, h('div', { class: 'stack wk-list' }, cards.length ? cards : h('div', { class: 'card' }, noWorker())),
        all.length > shown.length ? button(`Show ${number(Math.min(MORE, all.length - shown.length))} more of ${number(all.length)}`, null, { dataset: { do: 'showMore' } }) : null),
      h('div', { class: 'stack' }, this.resourceCard(), this.messageCard())));
    morph(this.rest, fresh);
  }

  showMore() {
    this.most += MORE;
    this.draw();
  }

  // -- workers

  worker(one) {
    const id = one.name, now = this.app.now(), room = one.workers ?? 0, runs = one.num_running ?? 0;
    const off = one.state !== 'active', silent = !off && this.about.get(id)?.state === 'silent';
    const may = this.app.may() && !off && !silent;
    const asked = this.asked.get(id);
    if (asked === room) this.asked.delete(id);
    const side = [
      slots(runs, room, { off: off || silent }),
      may && room ? [h('span', { text: 'slots' }), stepper({ key: id, label: `Slots of ${id}`, less: 'One slot less', more: 'One slot more', value: asked ?? room, least: 1, set: (worker, n, before) => this.setSlots(worker, n, before) })] : h('span', { class: 'nowrap', text: `${number(runs)} of ${number(room)}` }),
      may ? button('Disable', null, { class: 'sm', label: `Disable ${id}`, dataset: { acts: '', do: 'disable', worker: id } }) : null,
    ];
    const tasks = Object.entries(one.running ?? {}).map(([task, row]) => ({ ...row, id: task })).sort((a, b) => (a.time_running ?? 0) - (b.time_running ?? 0));
    const node = h('section', { class: 'card wk', dataset: { key: `worker ${id}`, ...(off || silent ? { off: '' } : {}) }, 'aria-label': `Worker ${id}` },
      h('header', {}, h('h2', { class: 'ellip', title: id }, h('span', { class: 'ellip', text: id }), off ? status('disabled', { tint: true }) : null, silent ? status('missing', { tint: true, word: 'Silent' }) : null), h('div', { class: 'side' }, side)),
      h('p', { class: 'meta' }, this.facts(one, now, { off, silent, asked })), tasks.length ? this.tasks(one, tasks, now) : null);
    return node;
  }

  facts(one, now, { off, silent, asked }) {
    const root = one.first_task_display_name?.replace(/\(\)$/, '');
    return [
      root ? h('span', {}, 'Root ', h('b', {}, h('a', { href: href('graph', { id: one.first_task }), text: root }))) : null,
      one.host ? h('span', {}, 'Host ', h('b', { text: one.host })) : null,
      h('span', {}, 'Started ', h('b', { text: clock(one.started, now) })),
      h('span', {}, 'Heard ', h('b', { text: ago(now - one.last_active) })),
      h('span', {}, 'Pending ', h('b', { text: number(one.num_pending) }), ', only here ', h('b', { text: number(one.num_uniques) })),
      asked !== undefined && asked !== one.workers ? h('span', { text: `Asked for ${plural(asked, 'slot')}, has ${number(one.workers)}.` }) : null,
      one.num_unread_rpc_messages ? h('span', { class: 'st s-running' }, icon('i-mail'), plural(one.num_unread_rpc_messages, 'unread message')) : null,
      off ? h('span', { text: one.num_running ? 'Disabled. It finishes what it runs, then takes nothing more.' : 'Disabled. It takes no tasks; a restart of the worker ends that.' }) : null,
      silent ? h('span', { text: `Not heard since ${clock(one.last_active, now)}. Its tasks are failed and freed if it stays silent.` }) : null,
    ];
  }

  tasks(one, tasks, now) {
    const row = task => h('tr', { dataset: { key: task.id } },
      h('td', { title: task.display_name }, h('a', { class: 'fam', href: href('task', { id: task.id }), text: task.name }), ' ', h('span', { class: 'par', text: Object.values(task.params ?? {}).join(' ') })),
      h('td', { class: 'par', text: Object.entries(task.resources_running ?? task.resources ?? {}).map(([name, n]) => `${name} ${number(n)}`).join(', ') || UNKNOWN }),
      h('td', { title: task.status_message ?? '' }, progress(task.progress_percentage), task.status_message ? h('span', { class: 'soft', text: ` ${task.status_message}` }) : null),
      h('td', { class: 'num' }, task.time_running ? h('span', { dataset: { since: task.time_running }, text: ticking(now - task.time_running) }) : UNKNOWN),
      h('td', { class: 'acts2' },
        /^https?:/i.test(task.tracking_url ?? '') ? h('a', { class: 'b sm icon quiet', href: task.tracking_url, rel: 'noopener noreferrer', target: '_blank', 'aria-label': `Tracking page of ${task.display_name}`, title: 'Tracking page' }, icon('i-link')) : null,
        h('a', { class: 'b sm icon quiet', href: href('task', { id: task.id, tab: 'log' }), 'aria-label': `Log of ${task.display_name}`, title: 'Log' }, icon('i-list')),
        task.accepts_messages && this.app.may() ? button(null, null, { icon: 'i-mail', class: 'sm icon quiet', label: `Send a message to ${task.display_name}`, title: 'Send a message', dataset: { acts: '', do: 'message', worker: one.name, task: task.id, name: task.display_name } }) : null));
    const more = tasks.length - MOST_TASKS;
    return h('table', { class: 't' }, h('colgroup', {}, ['c1', 'c2', 'c3', 'c4', 'c5'].map(cls => h('col', { class: cls }))),
      h('thead', { class: 'vh' }, h('tr', {}, ['Task', 'Resources', 'Progress', 'Time', 'Actions'].map(word => h('th', { scope: 'col', text: word })))),
      h('tbody', {}, tasks.slice(0, MOST_TASKS).map(row), more > 0 ? h('tr', {}, h('td', { colspan: 5 }, h('a', { class: 'link', href: href('tasks', { q: `is:moving worker:"${one.name.replaceAll('"', '')}"` }), text: `${number(more)} more` }))) : null));
  }

  async setSlots(worker, n, before) {
    this.asked.set(worker, n);
    this.draw();
    if (!(await this.app.act('set_worker_processes', { worker, n }))) { this.asked.delete(worker); this.draw(); return; }
    this.app.toast(`Slots of ${worker}: ${number(before)} → ${number(n)}. The worker changes it when it asks next.`, { undo: () => this.setSlots(worker, before, n) });
  }

  async disable({ worker }) {
    const runs = this.workers.find(one => one.name === worker)?.num_running ?? 0;
    const finish = runs === 1 ? 'It finishes its running task and takes no new ones.' : runs ? `It finishes its ${number(runs)} running tasks and takes no new ones.` : 'It takes no new tasks.';
    if (!(await confirm({ title: `Disable ${worker}?`, text: `${finish} Only a restart of the worker enables it again.`, verb: 'Disable worker' }))) return;
    if (!(await this.app.act('disable_worker', { worker }))) return;
    this.app.toast(`${worker} takes no new tasks`);
    this.load();
  }

  message({ worker, task, name }) {
    const runs = () => this.workers.some(one => task in (one.running ?? {}));
    return sendMessage({ worker, task, name, at: this.app.now(), runs, told: () => this.draw() });
  }

  // -- resources

  resourceCard() {
    const fraction = one => (one.num_total > 0 ? one.num_used / one.num_total : one.num_used ? 2 : 0);
    const all = [...this.resources].sort((a, b) => fraction(b) - fraction(a) || b.num_used - a.num_used || a.name.localeCompare(b.name));
    const may = this.app.may();
    return card('resources', 'Resources', may && all.length ? 'limits can be changed here' : '', all.length
      ? h('ul', { class: 'res' }, all.map(one => this.resource(one, may)))
      : h('div', { class: 'body soft' }, 'No resource has a limit. Limits stand in the section ', h('code', { text: '[resources]' }), ' of the scheduler’s configuration.'));
  }

  resource(one, may) {
    const full = one.num_total > 0 && one.num_used >= one.num_total, says = `${number(one.num_used)} of ${number(one.num_total)}`;
    return h('li', { dataset: { key: one.name } },
      h('span', { class: 'strong' }, one.name, ' ', full ? h('span', { class: 'st s-missing', text: `${says} · full` }) : h('span', { class: 'dim', text: says })),
      may ? stepper({ key: one.name, label: `Limit of ${one.name}`, less: 'Limit one lower', more: 'Limit one higher', value: one.num_total, set: (name, n, before) => this.setLimit(name, n, before) }) : null,
      meter(one.num_used, one.num_total, { label: `${one.name}: ${says} used` }),
      h('small', {}, this.holders(one), this.waits(one)));
  }

  holders(one) {
    const tasks = Object.entries(one.running ?? {});
    if (!tasks.length) return 'Nobody holds it.';
    const name = task => [task.name, ...Object.values(task.params ?? {})].join(' ');
    if (tasks.length <= 4) {
      const links = tasks.map(([id, task]) => h('a', { class: 'link', href: href('task', { id }), text: name(task) }));
      return [...links.flatMap((link, i) => [i === 0 ? '' : i === links.length - 1 ? ' and ' : ', ', link]), links.length === 1 ? ' holds it.' : ' hold it.'];
    }
    const families = new Map();
    for (const [, task] of tasks) families.set(task.name, (families.get(task.name) ?? 0) + 1);
    return `${list([...families].map(([family, n]) => `${number(n)} ${family}`))} hold it.`;
  }

  waits(one) {
    const n = this.waiting.get(one.name);
    return n ? [' ', h('a', { class: 'link', href: href('tasks', { q: `is:waiting resource:"${one.name.replaceAll('"', '')}"` }), text: `${plural(n, 'task')} ${n === 1 ? 'waits' : 'wait'}` }), '.'] : null;
  }

  async setLimit(name, n, before) {
    const told = await this.app.act('update_resource', { resource: name, amount: n });
    if (!told || told.response === false) {
      if (told) this.app.toast(`The limit of ${name} stays ${number(before)}: ${number(n)} is no limit.`);
      await this.load();
      return;
    }
    this.resources = this.resources.map(one => (one.name === name ? { ...one, num_total: n } : one));
    this.draw();
    this.app.toast(`Limit of ${name}: ${number(before)} → ${number(n)}`, { undo: () => this.setLimit(name, before, n) });
  }

  // -- messages

  messageCard() {
    if (!sent.length) return null;
    return card('messages', 'Messages', 'sent from this page', h('ol', { class: 'hist body' }, sent.slice(0, 20).map(one => h('li', {}, h('time', { text: clock(one.at, this.app.now()) }), h('span', { class: 'strong ellip', text: one.name }), h('span', {}, `“${one.text}” `, h('span', { class: 'dim', text: outcome(one) }))))));
  }

  /** The view is left. */
  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.unwatch();
  }
}

function noWorker() {
  return emptyState('No worker', ['Tasks that wait start when a worker comes. Start one in a folder with a module of tasks:',
    h('pre', { class: 'first', tabindex: '0', text: `luigi --module my_tasks MyTask --scheduler-host ${location.hostname}${location.port ? ` --scheduler-port ${location.port}` : ''}` })]);
}
