// Native dialogs: a question with the number, what happens, a button that repeats the verb.

import { h } from '../dom.js';

let made = 0;

/**
 * Open a dialog around `content` (nodes inside its form) and wait for its end.
 * @param {{title: string, content: any, verb?: string, cancel?: string, wide?: boolean, ready?: (dlg: HTMLDialogElement) => void}} what
 * @returns {Promise<string>} the value of the button that ended it, '' when it was cancelled
 */
export function dialog({ title, content, verb, cancel = 'Cancel', wide = false, ready }) {
  const id = `dialog-${++made}`;
  const row = h('div', { class: 'row' },
    h('button', { class: 'b', value: '', formnovalidate: true, text: cancel }),
    verb ? h('button', { class: 'b primary', value: 'yes', text: verb }) : null);
  // the form's first submit button is what Enter presses: that is the verb, though Cancel stands first
  const enter = verb ? h('button', { class: 'vh', value: 'yes', tabindex: '-1', 'aria-hidden': 'true' }) : null;
  const dlg = h('dialog', { class: `dlg${wide ? ' wide' : ''}`, 'aria-labelledby': id },
    h('form', { method: 'dialog' }, enter, h('h2', { id, text: title }), content, row));
  document.body.append(dlg);
  return new Promise(resolve => {
    dlg.addEventListener('click', event => { if (event.target === dlg) dlg.close(''); });
    dlg.addEventListener('close', () => { dlg.remove(); resolve(dlg.returnValue); });
    dlg.showModal();
    ready?.(dlg);
  });
}

/**
 * Ask before something happens to many, or that cannot be undone.
 * `text` is a sentence or a list of nodes.
 * @returns {Promise<boolean>}
 */
export async function confirm({ title, text, verb, cancel }) {
  const content = [text].flat().map(one => (one instanceof Node ? one : h('p', { text: one })));
  return (await dialog({ title, content, verb, cancel })) === 'yes';
}

/** Ask for a text or a number; null when it was cancelled. @returns {Promise<string | null>} */
export async function askFor({ title, text, label, value = '', type = 'text', verb, min, extra = null }) {
  const field = h('input', { class: 'field', type, value, min, required: true, autocomplete: 'off', id: `ask-${++made}` });
  const content = [text ? h('p', { text }) : null, h('label', { for: field.id, text: label }), field, extra];
  const told = await dialog({ title, content, verb, ready: () => field.select() });
  return told === 'yes' ? field.value : null;
}

