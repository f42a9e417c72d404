// Messages to a running task, and its answers. Waiting for an answer ends when the task does.
import { act } from '../api.js';
import { h, put } from '../dom.js';
import { clock } from '../words.js';

const EVERY = 1000;

export class Messages {
  constructor(app) {
    this.app = app;
    this.sent = h('ol', { class: 'sent', 'aria-live': 'polite' });
    this.field = h('input', { class: 'field', autocomplete: 'off', id: 'msg-text', required: true });
    this.wait = h('input', { type: 'checkbox', class: 'ck', checked: true });
    this.button = h('button', { class: 'b', dataset: { acts: '' }, text: 'Send' });
    this.form = h(
      'form',
      {
        class: 'msgform',
        onsubmit: (event) => {
          event.preventDefault();
          this.send();
        },
      },
      h('label', { class: 'vh', for: 'msg-text', text: 'Message' }),
      this.field,
      h('label', { class: 'check' }, this.wait, 'Wait for the answer'),
      this.button,
    );
    this.field.placeholder = 'Message to the running task';
    this.element = h(
      'section',
      { class: 'card', 'aria-labelledby': 'h-m', hidden: true },
      h('header', {}, h('h2', { id: 'h-m', text: 'Messages' })),
      h('div', { class: 'body' }, this.form, this.sent),
    );
  }

  /** Take over what the task is now. */
  update(detail) {
    this.detail = detail;
    this.running = detail.status === 'RUNNING' || detail.status === 'BATCH_RUNNING';
    const may = this.running && detail.accepts_messages && this.app.session.send_messages !== false && this.app.may();
    this.form.hidden = !may;
    this.element.hidden = !may && !this.sent.children.length;
  }

  async send() {
    const content = this.field.value,
      { id, worker } = this.detail;
    this.button.disabled = true;
    const answer = await this.app.act('send_scheduler_message', { worker, task: id, content });
    this.button.disabled = false;
    if (!answer) return;
    const said = h('span', { class: 'soft' }),
      item = h('li', {}, h('time', { text: clock(this.app.now()) }), h('span', { class: 'said' }, content), said);
    this.sent.prepend(item);
    const messageId = answer.response?.message_id;
    if (!messageId) {
      put(said, 'not delivered: the worker is gone, or takes no messages');
      return;
    }
    this.field.value = '';
    this.field.focus();
    if (!this.wait.checked) {
      put(said, 'sent');
      return;
    }
    put(said, 'waiting for the answer…');
    this.await(id, messageId, said);
  }

  async await(id, messageId, said) {
    let last = false;
    for (;;) {
      if (this.closed) return;
      try {
        const { response } = await act('get_scheduler_message_response', { task_id: id, message_id: messageId });
        if (response !== null && response !== undefined) {
          put(said, h('span', { class: 'answer', text: typeof response === 'string' ? response : JSON.stringify(response) }));
          return;
        }
      } catch (error) {
        if (error.status && error.status < 500) {
          put(said, error.text);
          return;
        }
      }
      if (last) {
        put(said, 'the task ended without an answer');
        return;
      }
      last = !this.running; // asked once more after its end: the answer may have come with it
      await new Promise((resolve) => {
        setTimeout(resolve, EVERY);
      });
    }
  }

  close() {
    this.closed = true;
  }
}
