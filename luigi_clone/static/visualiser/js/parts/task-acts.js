// What may be done to one task: at once with Undo where there is an inverse, after a question where there is none.
import { button } from '../dom.js';
import { label, plural } from '../words.js';

const RETRYABLE = new Set(['FAILED', 'DISABLED']);
const MARKABLE = new Set(['RUNNING', 'BATCH_RUNNING', 'FAILED', 'DISABLED']);
const DISABLEABLE = new Set(['PENDING', 'FAILED', 'UNKNOWN']);

/**
 * The acts that a task's status allows, the likely next step first.
 * @returns {{key: string, word: string, icon: string, does: () => Promise<void>, title?: string}[]}
 */
export function actsOf(detail, app, changed) {
  const { id, status } = detail,
    name = label(detail),
    waiting = detail.needed_by?.total ?? 0;
  const on = async (call, args, said, undo) => {
    const done = await app.act(call, args);
    if (!done) return;
    app.toast(
      said,
      undo
        ? {
            undo: async () => {
              if (await app.act(undo, { task_id: id })) {
                app.toast(`Undone: ${said.toLowerCase()}`);
                changed();
              }
            },
          }
        : {},
    );
    changed();
  };
  const acts = [];
  if (status === 'FAILED') {
    acts.push({ key: 'retry', word: 'Retry', icon: 'i-retry', does: () => on('retry_task', { task_id: id }, `Retry: ${name}`) });
    acts.push({
      key: 'forgive',
      word: 'Forgive',
      icon: 'i-check',
      title: 'As Luigi calls it: ready at once, without waiting for the retry delay',
      does: () => on('forgive_failures', { task_id: id }, `Forgiven: ${name}`),
    });
  }
  if (status === 'DISABLED') {
    acts.push({
      key: 'enable',
      word: 'Enable',
      icon: 'i-play',
      does: () => on('enable_task', { task_id: id }, `Enabled: ${name}`, 'disable_task'),
    });
    if (detail.re_enable_able)
      acts.push({
        key: 're-enable',
        word: 'Re-enable as failed',
        icon: 'i-retry',
        title: 'Take back the automatic disable: the task is failed again and its retry delay runs',
        does: () => on('re_enable_task', { task_id: id }, `Re-enabled: ${name}`),
      });
  }
  if (MARKABLE.has(status)) {
    acts.push({
      key: 'done',
      word: 'Mark done',
      icon: 'i-check',
      does: async () => {
        const then = waiting
          ? `${waiting === 1 ? 'The task that waits' : `The ${plural(waiting, 'task')} that wait`} for it may start, and may fail for lack of its output.`
          : 'No task waits for it.';
        if (
          await app.confirm({
            title: 'Mark this task done?',
            text: `${name} counts as done, whether or not its output exists. ${then} This cannot be undone.`,
            verb: 'Mark done',
          })
        )
          await on('mark_as_done', { task_id: id }, `Marked done: ${name}`);
      },
    });
  }
  if (DISABLEABLE.has(status)) {
    acts.push({
      key: 'disable',
      word: 'Disable',
      icon: 'i-off',
      does: async () => {
        const then = waiting
          ? ` ${waiting === 1 ? 'The task that waits' : `The ${plural(waiting, 'task')} that wait`} for it wait${waiting === 1 ? 's' : ''} on.`
          : '';
        if (
          await app.confirm({
            title: 'Disable this task?',
            text: `${name} does not start until it is enabled again.${then}`,
            verb: 'Disable',
          })
        )
          await on('disable_task', { task_id: id }, `Disabled: ${name}`, 'enable_task');
      },
    });
  }
  return acts;
}

/** Buttons of acts; those who may only look see them switched off, with the reason. */
export function actButtons(acts, app, { primary = null } = {}) {
  return acts.map(({ key, word, icon, does, title }) => {
    const made = button(
      word,
      async () => {
        made.disabled = true;
        try {
          await does();
        } finally {
          made.disabled = !app.may();
        }
      },
      {
        icon,
        class: key === primary ? 'primary' : '',
        title: app.may() ? title : 'Your token allows looking only',
        disabled: !app.may(),
        dataset: { acts: '', act: key },
      },
    );
    return made;
  });
}

/** What helps where the cause of a state is: a task upstream. */
const AT_CAUSE = {
  upfailed: { word: 'Retry what failed', call: 'retry_task', icon: 'i-retry' },
  updisabled: { word: 'Enable what is disabled', call: 'enable_task', icon: 'i-play' },
};

/** The button of the reason band: the likely next step, here or where the cause is. */
export function becauseButton(because, detail, acts, app, changed) {
  const { action, ids = [] } = because;
  if (!app.may()) return null;
  const make = (word, id, call, args) =>
    button(
      word,
      async () => {
        if (!(await app.act(call, args))) return;
        app.toast(word);
        changed();
      },
      { icon: id, class: 'primary', dataset: { acts: '' } },
    );
  if (action === 'unpause') return make('Resume', 'i-play', 'unpause', {});
  const own = acts.find((act) => act.key === action);
  if (own) return actButtons([own], app, { primary: action })[0];
  const there = AT_CAUSE[detail.state];
  return there && ids.length === 1 ? make(there.word, there.icon, there.call, { task_id: ids[0] }) : null;
}
