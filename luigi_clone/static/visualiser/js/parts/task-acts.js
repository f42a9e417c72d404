// What may be done to one task: at once with Undo where there is an inverse, after a question where there is none.
import { button, h } from '../dom.js';
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
          made.disabled = !app.online || !app.may();
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

/** The button of the reason band: the likely next step, here or where the cause is. */
export function becauseButton(because, detail, acts, app, changed) {
  const { action, ids = [] } = because;
  if (!action || !app.may()) return null;
  if (action === 'unpause') {
    return button(
      'Resume',
      async () => {
        if (await app.act('unpause', {})) {
          app.toast('Resumed');
          changed();
        }
      },
      { icon: 'i-play', class: 'primary', dataset: { acts: '' } },
    );
  }
  const own = acts.find((act) => act.key === action);
  if (own) return actButtons([own], app, { primary: action })[0];
  const causes = ids.filter((id) => id !== detail.id);
  if (!causes.length) return null;
  const verb = action === 'enable' ? 'Enable' : 'Retry',
    call = `${action}_task`;
  return button(
    causes.length === 1 ? `${verb} what holds it` : `${verb} ${plural(causes.length, 'task')}`,
    async () => {
      if (
        causes.length > 1 &&
        !(await app.confirm({
          title: `${verb} ${plural(causes.length, 'task')}?`,
          text: [
            h('p', { text: 'They go back to Ready and their failure count starts again at 0:' }),
            h(
              'ul',
              { class: 'mono' },
              causes.slice(0, 8).map((id) => h('li', { text: id })),
              causes.length > 8 ? h('li', { text: `and ${causes.length - 8} more` }) : null,
            ),
          ],
          verb: `${verb} ${causes.length}`,
        }))
      )
        return;
      if (await app.act(call, { task_id: causes })) {
        app.toast(`${verb}: ${plural(causes.length, 'task')}`);
        changed();
      }
    },
    { icon: action === 'enable' ? 'i-play' : 'i-retry', class: 'primary', dataset: { acts: '' } },
  );
}
