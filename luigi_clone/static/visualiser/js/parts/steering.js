// What can be done to tasks: by one at once, by many after a question; with Undo where the scheduler has an inverse.

import { act, actEach } from '../api.js';
import { h } from '../dom.js';
import { label, number, plural } from '../words.js';
import { confirm } from './dialog.js';
import { toast } from './toast.js';

const MOST_IDS = 5000; // a request carries

const many = name => async ids => {
  const told = {};
  for (let i = 0; i < ids.length; i += MOST_IDS) Object.assign(told, await act(name, { task_id: ids.slice(i, i + MOST_IDS) }));
  return told;
};
const each = name => async ids => {
  const told = await actEach(name, ids.map(id => ({ task_id: id })));
  return Object.fromEntries(ids.map((id, i) => [id, told[i]?.response?.status ?? null]));
};

/**
 * By verb: the icon, what happens (for the dialog), what it says afterwards, the statuses that tell it worked, the
 * verb that takes it back, which of the page's states it makes sense for, and the call.
 */
export const VERBS = {
  Retry: { icon: 'i-retry', text: 'They go back to Ready and their failure count starts again at 0.', done: 'will be tried again', to: ['PENDING', 'RUNNING'], states: ['failed', 'disabled', 'missing'], run: many('retry_task') },
  Forgive: { text: 'Their failures are forgotten: those that failed go back to Ready at once.', done: 'are forgiven', to: ['PENDING', 'RUNNING'], states: ['failed', 'missing'], run: each('forgive_failures') },
  'Mark done': { icon: 'i-check', text: 'Tasks that wait for them can start, whether or not the output exists.', done: 'are marked done', to: ['DONE'], states: ['running', 'batch', 'failed', 'disabled', 'missing'], run: each('mark_as_done') },
  Disable: { icon: 'i-off', text: 'None of them starts until it is enabled. Running and done ones stay as they are.', done: 'are disabled', to: ['DISABLED'], inverse: 'Enable', states: ['failed', 'upfailed', 'missing', 'updisabled', 'uprunning', 'ready', 'pending'], run: many('disable_task') },
  Enable: { text: 'Disabled ones go back to Ready. Others stay as they are.', done: 'are enabled', to: ['PENDING'], inverse: 'Disable', states: ['disabled'], run: many('enable_task') },
};

/** `[['DelaysByCarrier', 3], …]`: how many of each family. */
function byFamily(rows) {
  const counts = new Map();
  for (const row of rows) counts.set(row.family, (counts.get(row.family) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/**
 * Ask, and do it to many.
 * @param {string} verb
 * @param {string[]} ids
 * @param {{rows?: any[], about?: string}} known  the rows that are known of them, or a sentence about them
 * @returns {Promise<boolean>} whether it was done
 */
export async function steerMany(verb, ids, { rows = [], about = '' } = {}) {
  const how = VERBS[verb], n = ids.length;
  const families = byFamily(rows);
  const text = [
    about ? h('p', { text: about }) : null,
    families.length ? h('ul', { class: 'fams-in' }, families.map(([family, count]) => h('li', { text: `${number(count)} ${family}` }))) : null,
    h('p', { text: how.text }),
  ].filter(Boolean);
  if (!(await confirm({ title: `${verb} ${plural(n, 'task')}?`, text, verb: `${verb} ${number(n)}` }))) return false;
  return steer(verb, ids, n === 1 && rows.length ? label(rows[0]) : null, rows);
}

/** Do it at once and tell; what goes wrong is told too. */
export async function steer(verb, ids, name = null, rows = []) {
  const how = VERBS[verb];
  let told;
  try {
    told = await how.run(ids);
  } catch (error) {
    toast(error.text ?? String(error));
    return false;
  }
  const before = new Map(rows.map(row => [row.id, row.state]));
  const changed = ids.filter(id => how.to.includes(told[id]) && (!before.has(id) || how.states.includes(before.get(id))));
  const undo = how.inverse && changed.length ? () => steer(how.inverse, changed, changed.length === 1 ? name : null) : undefined;
  const gone = ids.filter(id => told[id] === null || told[id] === undefined).length;
  toast(sentence(verb, how, ids.length, changed.length, gone, name), { undo });
  return changed.length > 0;
}

function sentence(verb, how, asked, changed, gone, name) {
  const rest = gone ? ` ${plural(gone, 'task is', 'tasks are')} not known any more.` : '';
  if (name && changed) return `${verb}: ${name}`;
  if (changed === asked) return `${plural(changed, 'task')} ${changed === 1 ? how.done.replace(/^are /, 'is ') : how.done}.`;
  if (!changed) return `Nothing to change: ${asked === 1 ? 'the task is' : 'none of the tasks is'} in a state for “${verb}”.${rest}`;
  return `${number(changed)} of ${plural(asked, 'task')} ${how.done}. The others stay as they are.${rest}`;
}
