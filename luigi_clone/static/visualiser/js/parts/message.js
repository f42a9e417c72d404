// Messages to running tasks, and their answers.

import { act } from '../api.js';
import { h } from '../dom.js';
import { dialog } from './dialog.js';
import { toast } from './toast.js';

const ASK_EVERY = 1000; // ms

/** What was sent from this page, newest first: `{at, worker, task, name, text, state, answer}`. */
export const sent = [];

/**
 * Ask for a message and send it. With an answer wanted, `runs()` is asked before each look whether the task still
 * runs; `told()` is called when something about the message changes.
 */
export async function sendMessage({ worker, task, name, at, runs, told = () => {} }) {
  const field = h('textarea', { class: 'field area', id: 'message-text', rows: '3', required: true, autofocus: true });
  const wait = h('input', { type: 'checkbox', class: 'ck', id: 'message-wait', checked: true });
  const done = await dialog({
    title: `Send a message to ${name}?`, verb: 'Send',
    content: [h('p', { text: 'The task reads it from its queue of messages when it looks there.' }), h('label', { for: field.id, text: 'Message' }), field, h('label', { class: 'check', for: wait.id }, wait, 'Wait for the answer')],
  });
  if (done !== 'yes') return;
  const message = { at, worker, task, name, text: field.value, state: 'sent', answer: null };
  try {
    const { message_id: id } = await act('send_scheduler_message', { worker, task, content: message.text });
    if (!id) { toast(`${name} was not reached: its worker is gone, or takes no messages.`); return; }
    sent.unshift(message);
    toast(`Message sent to ${name}`);
    if (wait.checked) { message.state = 'waits'; told(); await answer(message, id, runs); }
    told();
  } catch (error) {
    toast(error.text ?? String(error));
  }
}

async function answer(message, id, runs) {
  for (;;) {
    const stillRuns = await runs();
    const { response } = await act('get_scheduler_message_response', { task_id: message.task, message_id: id });
    if (response !== null && response !== undefined) {
      message.state = 'answered';
      message.answer = typeof response === 'string' ? response : JSON.stringify(response);
      toast(`${message.name} answers: ${message.answer}`);
      return;
    }
    if (!stillRuns) { message.state = 'ended'; return; }
    await new Promise(resolve => setTimeout(resolve, ASK_EVERY));
  }
}

/** What became of a message, in words. */
export function outcome(message) {
  return { sent: 'sent', waits: 'no answer yet', answered: message.answer, ended: 'the task ended without an answer' }[message.state];
}
