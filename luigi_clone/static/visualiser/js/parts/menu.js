// The menu at the right end of the top bar: who is signed in, keys, sign-out.

import { h } from '../dom.js';
import { lettersOn, setLetters } from './keyboard.js';

const KEYS = [
  ['Ctrl K', 'go to a task, family or worker'], ['/', 'filter, or find in the log'], ['g then o t g l w h', 'overview, tasks, graph, timeline, workers, history'],
  ['j  k', 'next, previous row'], ['x', 'select a row; Shift and click: a range'], ['Enter', 'open'], ['Esc', 'close, clear the selection'],
];
const ROLES = { read: 'may look', worker: 'may look and work', admin: 'may change everything' };

/** Make the menu open and close with `opener`; `signOut` is offered when `session` is one that was signed in. */
export function userMenu(opener, session, signOut) {
  const check = h('input', { type: 'checkbox', class: 'ck', checked: lettersOn(), id: 'letters', onchange: () => setLetters(check.checked) });
  const panel = h('div', { class: 'menu', id: 'user-menu', popover: 'auto', role: 'dialog', 'aria-label': 'You and your keys' },
    session.auth ? h('p', { class: 'soft', text: `Signed in: ${ROLES[session.role] ?? session.role}.` }) : null,
    h('label', { class: 'check', for: 'letters' }, check, 'Single-letter keys'),
    h('dl', { class: 'keys' }, KEYS.map(([keys, does]) => [h('dt', {}, h('kbd', { text: keys })), h('dd', { text: does })])),
    session.auth && session.signed_in ? h('button', { type: 'button', class: 'b', onclick: signOut, text: 'Sign out' }) : null,
    h('p', { class: 'dim', text: `luigi_clone ${session.version ?? ''}` }));
  document.body.append(panel);
  opener.setAttribute('popovertarget', panel.id);
  opener.setAttribute('aria-expanded', 'false');
  panel.addEventListener('toggle', event => opener.setAttribute('aria-expanded', String(event.newState === 'open')));
}
