// What ran before: the task history, by family, parameter and time.
import { call } from '../api.js';
import { button, h, put } from '../dom.js';
import { emptyState, errorState, skeleton } from '../parts/state.js';
import { status } from '../parts/status.js';
import { stateOf, values } from '../parts/task-facts.js';
import { href } from '../router.js';
import { clock, duration, number, plural, UNKNOWN } from '../words.js';

export const title = 'History';

const ROWS = 50,
  STATUSES = { '': 'Any result', DONE: 'Done', FAILED: 'Failed' };
const FIELDS = ['family', 'param', 'value', 'since', 'until', 'status'];

const unixOf = (text) => {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? null : at / 1000;
};

/** @param {HTMLElement} main */
export async function open(main, params, app) {
  const view = new HistoryView(main, params, app);
  await view.load();
  return view;
}

class HistoryView {
  constructor(main, params, app) {
    this.main = main;
    this.app = app;
    this.params = params;
    this.build();
  }

  build() {
    const field = (name, label, props) => {
      const made = h('input', { class: 'field', id: `h-${name}`, autocomplete: 'off', spellcheck: 'false', ...props });
      this.fields[name] = made;
      return h('label', { class: 'fieldbox', for: made.id }, h('span', { text: label }), made);
    };
    this.fields = {};
    this.fields.status = h(
      'select',
      { class: 'field', id: 'h-status', onchange: () => this.submit() },
      Object.entries(STATUSES).map(([value, text]) => h('option', { value, text })),
    );
    this.form = h(
      'form',
      {
        class: 'hform',
        role: 'search',
        'aria-label': 'Search in the history',
        onsubmit: (event) => {
          event.preventDefault();
          this.submit();
        },
      },
      field('family', 'Family', { placeholder: 'any' }),
      field('param', 'Parameter', { placeholder: 'its name' }),
      field('value', 'Value', { placeholder: 'any' }),
      field('since', 'From', { type: 'datetime-local' }),
      field('until', 'To', { type: 'datetime-local' }),
      h('label', { class: 'fieldbox', for: 'h-status' }, h('span', { text: 'Result' }), this.fields.status),
      h(
        'div',
        { class: 'ways' },
        h('button', { class: 'b primary', text: 'Search' }),
        button('Clear', () => this.app.go('history', {}), {}),
      ),
    );
    this.said = h('span', { class: 'dim', role: 'status' });
    this.box = h('div', { class: 'card' }, skeleton(8));
    put(this.main, h('div', { class: 'title' }, h('h1', { text: 'History' }), this.said), this.form, this.box);
    this.fill();
  }

  fill() {
    for (const name of FIELDS) this.fields[name].value = this.params[name] ?? '';
  }

  submit() {
    this.app.go('history', Object.fromEntries(FIELDS.map((name) => [name, this.fields[name].value.trim()])));
  }

  async load() {
    const turn = (this.turn = (this.turn ?? 0) + 1),
      page = Math.max(1, Number(this.params.page) || 1),
      { family, param, value, status: result } = this.params;
    try {
      const found = await call('history_page', {
        family: family || null,
        parameter: param || null,
        value: value || null,
        since: unixOf(this.params.since),
        until: unixOf(this.params.until),
        status: result || null,
        offset: (page - 1) * ROWS,
        limit: ROWS,
      });
      if (turn !== this.turn) return;
      this.show(found, page);
    } catch (error) {
      if (turn === this.turn)
        put(
          this.box,
          errorState('The history could not be loaded', error, () => this.load()),
        );
    }
  }

  show({ kept, total, rows }, page) {
    this.form.hidden = !kept;
    if (!kept) {
      put(this.said);
      put(
        this.box,
        emptyState('No history is kept', [
          h('p', {}, 'The scheduler forgets tasks when they are done and no longer needed. To keep every run in a database, set'),
          h('pre', {
            class: 'conf',
            tabindex: '0',
            'aria-label': 'Configuration',
            text: '[scheduler]\nrecord_task_history = true\n\n[task_history]\ndb_connection = sqlite:////var/lib/luigi/history.db',
          }),
          h(
            'p',
            {},
            'in the configuration of luigid and start it again. What ran lately is in the ',
            h('a', { href: href('timeline', { range: '24h' }), text: 'timeline' }),
            '.',
          ),
        ]),
      );
      return;
    }
    const some = FIELDS.some((name) => this.params[name]);
    put(this.said, total === null || total === undefined ? '' : plural(total, 'run'));
    if (!rows.length) {
      put(
        this.box,
        emptyState(
          some ? 'No run matches' : 'Nothing has run yet',
          some ? 'Nothing in the history fits what is searched for.' : 'Every run is listed here once it has begun.',
          ...(some ? [['Clear the search', () => this.app.go('history', {})]] : []),
        ),
      );
      return;
    }
    const now = this.app.now(),
      first = (page - 1) * ROWS;
    const row = (run) =>
      h(
        'tr',
        {},
        h('td', {}, status(stateOf(run.status))),
        h(
          'td',
          {},
          h('a', { class: 'fam', href: href('history', { family: run.family }), text: run.family }),
          ' ',
          h('a', { class: 'par', href: href('task', { id: run.task_id }), title: 'Its page', text: values(run) || run.task_id }),
        ),
        h('td', { class: 'nowrap', text: clock(run.start, now) }),
        h('td', { class: 'nowrap hide-s', text: clock(run.end, now) }),
        h('td', { class: 'num nowrap', text: run.start === null || run.end === null ? UNKNOWN : duration(run.end - run.start) }),
        h('td', { class: 'soft hide-s', text: run.worker ?? UNKNOWN }),
      );
    put(
      this.box,
      h(
        'div',
        { class: 'scrollx', tabindex: '0', role: 'group', 'aria-label': 'Runs' },
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
                ['Started', ''],
                ['Ended', 'hide-s'],
                ['Took', 'num'],
                ['Worker', 'hide-s'],
              ].map(([text, cls]) => h('th', { scope: 'col', class: cls, text })),
            ),
          ),
          h('tbody', {}, rows.map(row)),
        ),
      ),
      h(
        'div',
        { class: 'foot' },
        h('span', { text: `${number(first + 1)}–${number(first + rows.length)} of ${number(total)}` }),
        h('span', { class: 'grow' }),
        button('Newer', () => this.turnTo(page - 1), { class: 'sm', disabled: page < 2 }),
        button('Older', () => this.turnTo(page + 1), { class: 'sm', disabled: first + rows.length >= total }),
      ),
    );
  }

  turnTo(page) {
    this.app.go('history', { ...this.params, page: page > 1 ? page : '' });
  }

  update(params) {
    this.params = params;
    this.fill();
    this.load();
  }

  close() {
    this.turn = -1;
  }
}
