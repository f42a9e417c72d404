// Boots the page: the shell around the view that the address names.

import { act, session as askSession, signOut, toSignIn } from './api.js';
import { find, h, icon, put, setText } from './dom.js';
import { Banner } from './parts/banner.js';
import { confirm } from './parts/dialog.js';
import { listen } from './parts/keyboard.js';
import { userMenu } from './parts/menu.js';
import { Meters } from './parts/meters.js';
import { palette } from './parts/palette.js';
import { errorState, skeleton } from './parts/state.js';
import { nextTheme, theme } from './parts/theme.js';
import { toast } from './parts/toast.js';
import { go, read } from './router.js';
import { News } from './stream.js';
import { capital, plural, ticking } from './words.js';

const main = find('#main');
let session = { auth: false, role: 'admin', pause_enabled: false };
let shown = null; // {view, module, handle, params}
let turn = 0; // of navigations: an older one that is still loading gives way
let counts = null;

const meters = new Meters();
const banner = new Banner({ retry: () => news.retry(), resume: () => pause(false) });
const news = new News({
  state(state, { since, due }) {
    const live = find('#live');
    live.dataset.state = state;
    setText(find('.word', live), { on: 'Live', off: 'Offline' }[state] ?? 'Connecting');
    document.documentElement.classList.toggle('offline', state === 'off');
    if (state === 'off') banner.lost(since, due); else banner.found();
    app.online = state === 'on';
    for (const node of document.querySelectorAll('[data-acts]')) disableWhileOffline(node);
  },
  counts(data) {
    counts = data;
    app.counts = data;
    meters.counts(data);
    showPaused(data.paused);
  },
  back(changed) {
    toast(changed ? `Connected again. ${plural(changed, 'change')} caught up.` : 'Connected again. Nothing changed meanwhile.');
  },
});

/**
 * What the shell offers to a view.
 * `act(name, args)` changes something; what goes wrong is told in a toast, and it answers undefined then.
 */
const app = {
  get session() { return session; },
  /** Whether the scheduler is in contact. */
  online: false,
  /** The counts told last, or null. */
  counts: null,
  watch: (view, handlers) => news.watch(view, handlers),
  toast,
  confirm,
  go,
  /** Say something to those who do not see the page. */
  announce(text) { find('#announce').textContent = text; },
  /** The time of the scheduler in unix seconds. */
  now: () => Date.now() / 1000 + news.skew,
  /** Whether a change may be asked for: `role` is what it needs. */
  may: (role = 'admin') => (role === 'worker' ? session.role !== 'read' : session.role === 'admin'),
  async act(name, args) {
    try {
      return { response: await act(name, args) };
    } catch (error) {
      toast(error.text ?? String(error));
      return undefined;
    }
  },
};

function disableWhileOffline(node) {
  if (app.online) {
    if (node.dataset.acts === 'off') { node.disabled = false; node.dataset.acts = ''; node.title = node.dataset.was ?? ''; }
  } else if (!node.disabled) {
    node.dataset.was = node.title;
    node.disabled = true;
    node.dataset.acts = 'off';
    node.title = 'No contact with the scheduler';
  }
}

// -- views

async function show() {
  const { view, params } = read();
  for (const link of document.querySelectorAll('#nav a')) {
    if (link.dataset.view === (view === 'task' ? 'tasks' : view === 'history' ? 'timeline' : view)) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (shown?.view === view && shown.handle?.update) {
    shown.params = params;
    shown.handle.update(params);
    return;
  }
  const mine = ++turn, first = shown === null;
  shown?.handle?.close();
  shown = { view, params, handle: null };
  main.setAttribute('aria-busy', 'true');
  put(main, skeleton());
  try {
    const module = await import(`./views/${view}.js`);
    if (mine !== turn) return;
    document.title = `${module.title} · ${session.name || 'luigi_clone'}`;
    put(main);
    main.dataset.view = view;
    const handle = await module.open(main, shown.params, app);
    if (mine !== turn) { handle?.close(); return; }
    shown.handle = handle;
    if (!first) { scrollTo(0, 0); main.focus({ preventScroll: true }); app.announce(document.title); }
  } catch (error) {
    if (mine !== turn) return;
    shown = { view: null, params, handle: null };
    put(main, h('div', { class: 'title' }, h('h1', { text: capital(view) })), h('div', { class: 'card' }, errorState('This page could not be shown', { text: error.text ?? error.message }, show)));
  } finally {
    if (mine === turn) main.removeAttribute('aria-busy');
  }
}

// -- pause, theme, clock

const REST_AFTER = 20; // seconds: a short look elsewhere costs nothing
let resting = 0;

function restWhileHidden() {
  clearTimeout(resting);
  if (document.hidden) resting = setTimeout(() => news.rest(), 1000 * REST_AFTER);
  else news.wake();
}

let isPaused = false;

function showPaused(paused) {
  isPaused = Boolean(paused);
  const button = find('#pause');
  button.hidden = !session.pause_enabled || !app.may();
  put(button, icon(isPaused ? 'i-play' : 'i-pause'), h('span', { class: 'hide-s', text: isPaused ? 'Resume' : 'Pause' }));
  button.setAttribute('aria-label', isPaused ? 'Resume' : 'Pause');
  banner.paused(isPaused, !button.hidden);
}

async function pause(on) {
  const running = (counts?.states?.running ?? 0) + (counts?.states?.batch ?? 0);
  const finish = running === 1 ? 'The running task finishes.' : running ? `The ${plural(running, 'running task')} finish.` : 'No task runs now.';
  if (on && !(await confirm({ title: 'Pause the scheduler?', text: `${finish} No task starts until you resume.`, verb: 'Pause' }))) return;
  if (!(await app.act(on ? 'pause' : 'unpause'))) return;
  showPaused(on);
  toast(on ? 'Paused' : 'Resumed', { undo: () => (on ? pause(false) : app.act('pause').then(done => done && showPaused(true))) });
}

function showTheme() {
  find('#theme').setAttribute('aria-label', `Theme: ${theme()}. Change theme`);
}

function tick() {
  const now = app.now();
  meters.time(now, session.name);
  banner.tick();
  news.check();
  for (const node of document.querySelectorAll('[data-since]')) setText(node, ticking(now - Number(node.dataset.since)));
}

async function boot() {
  find('#pause').addEventListener('click', () => pause(!isPaused));
  find('#jump').addEventListener('click', palette);
  find('#theme').addEventListener('click', () => { toast(`Theme: ${nextTheme()}`); showTheme(); });
  showTheme();
  addEventListener('hashchange', show);
  addEventListener('pagehide', () => news.close());
  document.addEventListener('visibilitychange', restWhileHidden);
  addEventListener('pageshow', event => { if (event.persisted) location.reload(); });
  find('.skip').addEventListener('click', event => { event.preventDefault(); main.focus(); });
  listen({ go: view => { location.hash = `#/${view}`; }, palette, view: () => shown?.handle });
  setInterval(tick, 1000);
  import(`./views/${read().view}.js`).catch(() => { /* show() asks for it again, and tells */ });
  try {
    session = await askSession();
  } catch (error) {
    if (error.status === 401) return;
    toast(error.text ?? String(error));
  }
  if (session.auth && !session.role) { toSignIn(); return; }
  userMenu(find('#user'), session, async () => { await signOut(); toSignIn(); });
  showPaused(false);
  news.watch({ topics: [] }, {});
  await show();
}

boot();
