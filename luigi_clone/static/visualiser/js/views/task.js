// One task: why it is as it is, what it said, what is around it, and what may be done.
import { call } from '../api.js';
import { h, icon, put, setText } from '../dom.js';
import { LogView } from '../parts/log.js';
import { progress } from '../parts/meter.js';
import { errorState } from '../parts/state.js';
import { stateIcon, status } from '../parts/status.js';
import { actButtons, actsOf, becauseButton } from '../parts/task-acts.js';
import { aboutCard, aroundCard, attemptsCard, commandCard, facts, historyCard, unknownTask } from '../parts/task-facts.js';
import { Messages } from '../parts/task-messages.js';
import { traceback } from '../parts/traceback.js';
import { href } from '../router.js';
import { label, WORDS } from '../words.js';

export const title = 'Task';

const SOON = 250,
  AT_MOST = 1000,
  AROUND = 5000; // ms until the page asks again: own news, and news of others

/** @param {HTMLElement} main */
export async function open(main, params, app) {
  const view = new TaskView(main, params, app);
  await view.load();
  return view;
}

class TaskView {
  constructor(main, params, app) {
    this.main = main;
    this.app = app;
    this.id = params.id ?? '';
    this.params = params;
    this.asked = 0;
  }

  async load() {
    if (!this.id) {
      this.missing();
      return;
    }
    const { id } = this;
    let detail;
    try {
      detail = await call('task_detail', { task_id: id });
    } catch (error) {
      if (this.closed || this.id !== id) return;
      put(
        this.main,
        h('div', { class: 'title' }, h('h1', { text: 'Task' })),
        h(
          'div',
          { class: 'card' },
          errorState('The task could not be loaded', error, () => this.load()),
        ),
      );
      return;
    }
    if (this.closed || this.id !== id) return;
    this.detail = detail;
    if (!detail.known) {
      this.missing();
      this.watch();
      return;
    }
    this.build();
    this.render();
    this.watch();
    this.describe();
  }

  missing() {
    put(
      this.main,
      h('div', { class: 'title' }, h('h1', { text: 'Task' })),
      this.id
        ? unknownTask(this.id, this.app.session.has_history)
        : h(
            'div',
            { class: 'card' },
            h(
              'div',
              { class: 'state' },
              icon('i-empty'),
              h('strong', { text: 'Which task?' }),
              h('p', { text: 'Open one from the list, or press Ctrl K and type a part of its id.' }),
              h('div', { class: 'row' }, h('a', { class: 'b', href: href('tasks'), text: 'List of tasks' })),
            ),
          ),
    );
    document.title = `No such task · ${this.app.session.name || 'luigi_clone'}`;
  }

  build() {
    this.parts = {
      head: h('div', { class: 'thead' }),
      because: h('section', { id: 'because', 'aria-label': 'Why it is as it is' }),
      progress: h('section', { class: 'card progress', 'aria-label': 'Progress', hidden: true }),
      error: h('div'),
      side: h('div', { class: 'stack' }),
      attempts: h('div'),
    };
    this.bar = h('span', {});
    this.message = h('pre', { class: 'message', 'aria-live': 'off' });
    this.parts.progress.append(this.bar, this.message);
    this.messages = new Messages(this.app);
    this.log = new LogView(this.id, {
      attempt: Number(this.params.attempt) || null,
      announce: this.app.announce,
      now: this.app.now,
      onAttempt: (attempt) => this.app.go('task', { id: this.id, attempt }, { replace: true }),
    });
    put(
      this.main,
      this.parts.head,
      this.parts.because,
      h(
        'div',
        { class: 'tp' },
        h(
          'div',
          { class: 'stack' },
          this.parts.progress,
          this.parts.error,
          this.messages.element,
          this.log.element,
          this.parts.attempts,
        ),
        this.parts.side,
      ),
    );
  }

  watch() {
    this.unwatch ??= this.app.watch(
      { ids: [this.id] },
      {
        tasks: ({ rows }) => {
          const row = rows.find((each) => each.id === this.id);
          if (!row) return;
          if (this.parts) this.showProgress(row);
          this.later(SOON);
        },
        changed: () => this.later(AROUND),
        back: () => this.reload(),
      },
    );
  }

  later(wait) {
    const due = Math.max(Date.now() + wait, this.asked + AT_MOST);
    if (this.timer && this.due <= due) return;
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => this.reload(), due - Date.now());
  }

  async reload() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.asked = Date.now();
    const { id } = this;
    let detail;
    try {
      detail = await call('task_detail', { task_id: id });
    } catch {
      return; // the banner tells it; what is shown stays
    }
    if (this.closed || this.id !== id) return;
    if (!detail.known) {
      if (!this.parts) this.missing();
      return;
    }
    const changed = this.detail?.status !== detail.status || this.detail?.started !== detail.started;
    this.detail = detail;
    if (!this.parts) {
      this.build();
      this.describe();
    }
    this.render();
    if (changed) this.log.wake();
  }

  async describe() {
    const { id } = this;
    let about;
    try {
      about = await call('describe_family', { family: this.detail.family });
    } catch {
      return;
    }
    if (this.closed || this.id !== id || !this.parts) return; // another task is shown meanwhile
    this.about = about;
    this.render();
  }

  render() {
    const { detail, app } = this,
      now = app.now();
    const acts = actsOf(detail, app, () => this.later(0)),
      because = detail.because ?? {};
    this.piece('head', [detail.state, detail.family, detail.params, acts.map((act) => act.key), because.action], () =>
      this.head(acts),
    );
    this.piece('because', [detail.state, because, acts.map((act) => act.key)], () => this.because(acts));
    this.piece('error', [detail.error], () =>
      detail.error ? [traceback(detail.error, app.toast, { aside: this.sameError() })] : [],
    );
    this.piece('attempts', [detail.attempts], () => [
      attemptsCard(
        detail,
        (attempt) => {
          this.log.choose(attempt);
          this.log.element.scrollIntoView({ block: 'start' });
        },
        now,
      ),
    ]);
    const { message, progress: share, because: left, error, attempts, ...rest } = detail;
    this.piece('side', [rest, this.about], () => [
      facts(detail, this.about, now),
      aroundCard(detail),
      historyCard(detail, now),
      aboutCard(detail.family, this.about),
      commandCard(detail.command, app.toast),
    ]);
    this.showProgress(detail);
    this.messages.update(detail);
    document.title = `${WORDS[detail.state] ?? detail.state}: ${label(detail)} · ${app.session.name || 'luigi_clone'}`;
  }

  /** Draw a part anew only when what it shows is another, and keep the focus where it was. */
  piece(name, shown, draw) {
    const key = JSON.stringify(shown),
      node = this.parts[name];
    this.keys ??= {};
    if (this.keys[name] === key) return;
    this.keys[name] = key;
    const held = node.contains(document.activeElement) ? document.activeElement : null;
    const mark = held && (held.dataset.act || held.getAttribute('href') || held.textContent);
    put(node, draw());
    if (held)
      [...node.querySelectorAll('button, a')]
        .find((each) => (each.dataset.act || each.getAttribute('href') || each.textContent) === mark)
        ?.focus({ preventScroll: true });
  }

  sameError() {
    const failed = (this.detail.attempts ?? []).filter((each) => each.status === 'FAILED').at(-1);
    return failed ? `attempt ${failed.attempt}` : '';
  }

  head(acts) {
    const { detail, app } = this,
      action = detail.because?.action;
    const shown = acts.filter((act) => act.key !== action || !app.may());
    return [
      h(
        'div',
        {},
        h(
          'p',
          { class: 'crumb' },
          h('a', { href: href('tasks'), text: 'Tasks' }),
          h('span', { text: '/' }),
          h('a', { href: href('tasks', { q: `family:${detail.family}` }), text: detail.family }),
        ),
        h(
          'h1',
          {},
          detail.family,
          ' ',
          h(
            'span',
            { class: 'par' },
            Object.entries(detail.params ?? {}).map(([name, value]) => [
              h('i', { text: `${name}=` }),
              h('b', { text: value }),
              ' ',
            ]),
          ),
          ' ',
          h('span', { id: 'status' }, status(detail.state, { tint: true })),
        ),
      ),
      h(
        'div',
        { class: 'title acts' },
        actButtons(shown, app),
        h('a', { class: 'b', href: href('graph', { id: this.id }) }, icon('i-graph'), 'Graph'),
      ),
    ];
  }

  because(acts) {
    const { detail, app } = this,
      because = detail.because ?? { text: '', detail: '' };
    this.parts.because.className = `because s-${detail.state}`;
    return [
      stateIcon(detail.state),
      h('p', {}, because.text, because.detail ? [' ', h('small', { text: because.detail })] : null),
      becauseButton(because, detail, acts, app, () => this.later(0)),
    ];
  }

  showProgress({ progress: share, message }) {
    const has = share !== null && share !== undefined;
    this.parts.progress.hidden = !has && !message;
    if (has) {
      const key = String(share);
      if (this.shareShown !== key) {
        this.shareShown = key;
        put(this.bar, progress(share));
      }
    }
    this.bar.hidden = !has;
    this.message.hidden = !message;
    setText(this.message, message ?? '');
  }

  update(params) {
    if ((params.id ?? '') !== this.id) {
      this.close();
      this.closed = false;
      Object.assign(this, {
        id: params.id ?? '',
        params,
        parts: undefined,
        keys: undefined,
        about: undefined,
        unwatch: undefined,
        shareShown: undefined,
        detail: undefined,
      });
      scrollTo(0, 0);
      this.load();
      return;
    }
    const attempt = Number(params.attempt) || null;
    this.params = params;
    if (this.log && attempt !== this.log.attempt) this.log.choose(attempt);
  }

  key(event) {
    if (event.key === '/' && this.log) {
      this.log.query.focus();
      return true;
    }
    return false;
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.unwatch?.();
    this.log?.close();
    this.messages?.close();
    this.log = undefined;
  }
}
