// Cards at the side of the task page: facts, history, what it needs and is needed by, about, command.
import { button, h, icon } from '../dom.js';
import { href } from '../router.js';
import { clock, duration, number, plural, UNKNOWN, WORDS } from '../words.js';
import { docNodes, safeLink } from './doc.js';
import { copyText } from './save.js';
import { stateIcon, status } from './status.js';

const OF_STATUS = {
  FAILED: 'failed',
  DONE: 'done',
  PENDING: 'pending',
  RUNNING: 'running',
  BATCH_RUNNING: 'batch',
  DISABLED: 'disabled',
  UNKNOWN: 'unknown',
};

/** The state that a status of Luigi, or a state, is shown as. */
export const stateOf = (name) => OF_STATUS[name] ?? (WORDS[name] ? name : 'unknown');

/** The values of a row's public parameters as they stand behind its family. */
export const values = (row) => Object.values(row.params ?? {}).join(' ');

function parameter({ name, value, visibility }, about) {
  const described = about?.parameters?.find((each) => each.name === name);
  const why = visibility === 'private' ? 'private: its value never leaves the worker' : 'hidden from your role';
  return [
    h('dt', { class: 'mono', title: described?.description ?? null, text: name }),
    h(
      'dd',
      { class: value === null || value === undefined ? 'dim' : 'mono' },
      value === null || value === undefined ? ['hidden ', h('span', { class: 'why', text: `(${why})` })] : value,
      described?.description ? h('span', { class: 'about', text: described.description }) : null,
    ),
  ];
}

const fact = (name, ...value) => [h('dt', { text: name }), h('dd', {}, value)];

export function facts(detail, about, now) {
  const { usual, resources = {}, tracking_url: tracking } = detail,
    running = detail.status === 'RUNNING' || detail.status === 'BATCH_RUNNING';
  const held = Object.entries(resources ?? {})
    .map(([name, n]) => `${name} ${number(n)}`)
    .join(', ');
  const link = safeLink(tracking);
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'h-f' },
    h('header', {}, h('h2', { id: 'h-f', text: 'Facts' })),
    h(
      'dl',
      { class: 'facts' },
      (detail.parameters ?? []).map((each) => parameter(each, about)),
      fact('Task id', h('span', { class: 'mono', text: detail.id })),
      fact('Priority', number(detail.priority)),
      detail.worker
        ? fact(
            running ? 'Runs on' : 'Last worker',
            h('a', { class: 'link', href: href('workers', { worker: detail.worker }), text: detail.worker }),
          )
        : null,
      held ? fact('Resources', h('span', { class: 'mono', text: held })) : null,
      running && detail.started
        ? fact('Runs for', h('span', { dataset: { since: detail.started }, text: duration(Math.max(0, now - detail.started)) }))
        : detail.took !== null && detail.took !== undefined
          ? fact('Took', duration(detail.took))
          : null,
      fact(
        'Usually takes',
        usual?.n
          ? [
              duration(usual.p50),
              h('span', { class: 'dim', text: ` p95 ${duration(usual.p95)}, of ${plural(usual.n, 'attempt')}` }),
            ]
          : UNKNOWN,
      ),
      detail.failures ? fact('Failures', number(detail.failures)) : null,
      detail.retry_at ? fact('Tried again', `about ${clock(detail.retry_at, now)}`) : null,
      link
        ? fact(
            'Tracking',
            h('a', {
              class: 'link',
              href: link,
              target: '_blank',
              rel: 'noopener noreferrer',
              text: link.replace(/^https?:\/\//, ''),
            }),
          )
        : null,
      detail.since ? fact('Known since', clock(detail.since, now)) : null,
      fact('Updated', clock(detail.updated, now)),
      detail.module ? fact('Module', h('span', { class: 'mono', text: detail.module })) : null,
    ),
  );
}

export function historyCard(detail, now) {
  const entries = [...(detail.history ?? [])].sort((a, b) => b.at - a.at);
  if (!entries.length) return null;
  const first = 12;
  const item = ({ at, status: name, text }) =>
    h('li', {}, h('time', { text: clock(at, now) }), status(stateOf(name)), h('span', { class: 'soft', text: text ?? '' }));
  const list = h('ol', { class: 'hist body', id: 'hist' }, entries.slice(0, first).map(item));
  const more =
    entries.length > first
      ? h(
          'footer',
          {},
          button(
            `${entries.length - first} earlier`,
            (event) => {
              list.append(...entries.slice(first).map(item));
              event.currentTarget.closest('footer').remove();
            },
            { class: 'sm quiet' },
          ),
        )
      : null;
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'h-h' },
    h('header', {}, h('h2', { id: 'h-h', text: 'History' })),
    list,
    more,
  );
}

/** The attempts as a table; `showLog(attempt)` shows the log of one. */
export function attemptsCard(detail, showLog, now) {
  const attempts = [...(detail.attempts ?? [])].reverse();
  if (!attempts.length) return null;
  const row = (each) =>
    h(
      'tr',
      {},
      h('td', { class: 'num', text: number(each.attempt) }),
      h('td', {}, status(each.end === null ? 'running' : stateOf(each.status))),
      h('td', { class: 'nowrap', text: clock(each.start, now) }),
      h(
        'td',
        { class: 'num nowrap' },
        each.end === null
          ? h('span', { dataset: { since: each.start }, text: duration(now - each.start) })
          : duration(each.end - each.start),
      ),
      h('td', { class: 'ellip hide-s soft', text: each.worker ?? UNKNOWN }),
      h(
        'td',
        { class: 'num' },
        each.has_log
          ? button('Log', () => showLog(each.log ?? each.attempt), { class: 'sm quiet', label: `Log of attempt ${each.attempt}` })
          : null,
      ),
    );
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'h-at' },
    h(
      'header',
      {},
      h('h2', { id: 'h-at', text: 'Attempts' }),
      h('div', { class: 'side', text: plural(attempts.length, 'attempt') }),
    ),
    h(
      'table',
      { class: 't attempts' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ...[
            ['', 'num', 'Attempt'],
            ['', '', 'Result'],
            ['', '', 'Started'],
            ['', 'num', 'Took'],
            ['', 'hide-s', 'Worker'],
          ].map(([, cls, text]) => h('th', { scope: 'col', class: cls, text })),
          h('td', {}),
        ),
      ),
      h('tbody', {}, attempts.slice(0, 20).map(row)),
    ),
  );
}

const relative = (row) =>
  h(
    'li',
    {},
    h(
      'a',
      { class: 'rel', href: href('task', { id: row.id }), title: `${WORDS[row.state]}: ${row.why?.text ?? ''}` },
      stateIcon(row.state),
      h('span', { class: 'vh', text: WORDS[row.state] }),
      h('span', { class: 'fam', text: row.family }),
      h('span', { class: 'par ellip', text: values(row) }),
    ),
  );

function relatives(head, { total = 0, rows = [] }, said) {
  const first = 8,
    list = h('ul', {}, rows.slice(0, first).map(relative));
  const hidden = rows.slice(first);
  return [
    h('h3', {}, head, h('span', { text: said })),
    total ? list : null,
    hidden.length
      ? button(
          `${number(hidden.length)} more`,
          (event) => {
            list.append(...hidden.map(relative));
            event.currentTarget.remove();
          },
          { class: 'sm quiet more' },
        )
      : null,
    total > rows.length ? h('p', { class: 'dim pad', text: `and ${number(total - rows.length)} more, in the graph` }) : null,
  ];
}

export function aroundCard(detail) {
  const { needs = {}, needed_by: neededBy = {} } = detail;
  return h(
    'section',
    { class: 'card deps', 'aria-labelledby': 'h-d' },
    h(
      'header',
      {},
      h('h2', { id: 'h-d', text: 'Around it' }),
      h('div', { class: 'side' }, h('a', { href: href('graph', { id: detail.id }), text: 'Graph' })),
    ),
    relatives('Needs', needs, needs.total ? `${number(needs.done)} of ${number(needs.total)} done` : 'nothing'),
    relatives('Needed by', neededBy, neededBy.total ? plural(neededBy.total, 'task') : 'nothing'),
  );
}

export function aboutCard(family, about) {
  if (!about?.doc?.length) return null;
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'h-doc' },
    h('header', {}, h('h2', { id: 'h-doc', text: `About ${family}` })),
    h('div', { class: 'doc' }, docNodes(about.doc)),
  );
}

export function commandCard(command, toast) {
  if (!command) return null;
  const copy = button(
    'Copy',
    async () =>
      toast((await copyText(command)) ? 'Command copied' : 'The browser does not allow copying. Select the text and copy it.'),
    { icon: 'i-copy', class: 'sm', label: 'Copy the command' },
  );
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'h-c' },
    h('header', {}, h('h2', { id: 'h-c', text: 'Run it by hand' }), h('div', { class: 'side' }, copy)),
    h('p', { class: 'cmd' }, h('code', { text: command })),
  );
}

/** What a missing task may have come to, and ways on. */
export function unknownTask(id, hasHistory) {
  return h(
    'div',
    { class: 'card' },
    h(
      'div',
      { class: 'state' },
      icon('i-empty'),
      h('strong', { text: 'No task has this id' }),
      h('p', { class: 'mono brk', text: id }),
      h('p', {
        text: 'Tasks that are done and no longer needed are forgotten after [scheduler] remove_delay. Or the id is not complete.',
      }),
      h(
        'div',
        { class: 'row' },
        h('a', { class: 'b', href: href('tasks', { q: id.split('_')[0] }), text: 'Look for it' }),
        hasHistory
          ? h('a', { class: 'b', href: href('history', { family: id.split('_')[0] }), text: 'Look in the history' })
          : null,
      ),
    ),
  );
}
