// The filter of the list of tasks: field, what it reads as, chips, help.

import { button, h, icon, put, setText } from '../dom.js';
import { GROUPS, GROUP_WORDS, WORDS, number } from '../words.js';
import { dialog } from './dialog.js';
import { statesOf, withStates } from './querytext.js';
import { stateIcon } from './status.js';

const WAIT = 220; // ms after the last key

/** Field, sentence and chips. `changed(text, {replace})` is called when somebody changes the query. */
export class QueryBar {
  constructor(changed) {
    this._changed = changed;
    this._timer = 0;
    this._chips = {};
    this.field = h('input', { class: 'field', id: 'q', type: 'text', name: 'q', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false',
      'aria-label': 'Filter tasks', 'aria-describedby': 'reads', placeholder: 'status:failed family:Delays* date>=2013-07-01 timeout' });
    this._under = h('span', { class: 'under', 'aria-hidden': 'true' });
    this._clear = button(null, () => this._say(''), { icon: 'i-x', class: 'sm icon quiet', label: 'Clear the filter', hidden: true });
    this._reads = h('p', { class: 'reads', id: 'reads', 'aria-live': 'polite' });
    this.form = h('form', { class: 'filter', role: 'search', onsubmit: event => { event.preventDefault(); this._say(this.field.value, { replace: false }); } },
      h('div', { class: 'q' }, icon('i-search'), this._under, this.field, h('span', { class: 'end' }, this._clear, h('kbd', { class: 'hide-s', text: '/' }))), this._reads);
    this.field.addEventListener('input', () => {
      put(this._under);
      clearTimeout(this._timer);
      this._timer = setTimeout(() => this._say(this.field.value, { replace: true }), WAIT);
    });
    this.field.addEventListener('scroll', () => { this._under.scrollLeft = this.field.scrollLeft; });
    this.chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'Filter by status' },
      Object.entries(GROUPS).map(([group, states]) => h('span', { class: 'cg', role: 'group', 'aria-label': GROUP_WORDS[group] }, states.map(state => this._chip(state)))));
  }

  _chip(state) {
    const count = h('b', { text: '–' });
    const chip = h('button', { type: 'button', class: `chip s-${state}`, 'aria-pressed': 'false', onclick: () => this._toggle(state) }, stateIcon(state), `${WORDS[state]} `, count);
    this._chips[state] = { chip, count };
    return chip;
  }

  _toggle(state) {
    const on = statesOf(this.field.value);
    if (!on.delete(state)) on.add(state);
    this._say(withStates(this.field.value, on));
  }

  _say(text, { replace = false } = {}) {
    clearTimeout(this._timer);
    this.field.value = text;
    this._marks(text);
    this._changed(text, { replace });
  }

  _marks(text) {
    this._clear.hidden = !text;
    const on = statesOf(text);
    for (const [state, { chip }] of Object.entries(this._chips)) chip.setAttribute('aria-pressed', String(on.has(state)));
  }

  /** Show the query that the address holds. */
  set(text) {
    clearTimeout(this._timer);
    if (this.field.value !== text) this.field.value = text;
    this._marks(text);
  }

  /** Show what the scheduler made of the query, with the place that it does not understand. */
  told({ reads, error }) {
    const text = this.field.value;
    if (error) {
      put(this._reads, h('b', { class: 'bad', text: error.text }));
      const end = Math.max(error.end, error.start + 1);
      put(this._under, text.slice(0, error.start), h('u', { text: text.slice(error.start, end) || ' ' }), text.slice(end));
      this._under.scrollLeft = this.field.scrollLeft;
      this.field.setAttribute('aria-invalid', 'true');
      return;
    }
    put(this._under);
    this.field.removeAttribute('aria-invalid');
    if (text.trim()) put(this._reads, h('span', { text: 'Reads as' }), h('b', { text: reads }));
    else put(this._reads, h('span', { text: 'Shows every task, failing ones first.' }));
  }

  /** Show the numbers of the chips. */
  counts(counts) {
    for (const [state, { count }] of Object.entries(this._chips)) setText(count, number(counts?.[state] ?? 0));
  }

  /** End what is under way. */
  close() {
    clearTimeout(this._timer);
  }
}

const TERMS = [
  ['status:failed,disabled', 'tasks in one of these states; Luigi’s names do too'],
  ['is:attention', 'a group of states: attention, moving, waiting, finished'],
  ['family:Delays*', 'the family; * stands for any text'],
  ['worker:etl-02', 'the worker that runs it or ran it last'],
  ['resource:db', 'tasks that use a resource'],
  ['carrier:EV', 'a parameter by its name'],
  ['date>=2013-07-01', 'a parameter, priority or updated, compared as date or number: > >= < <='],
  ['-carrier:EV', 'tasks that do not fit this'],
  ['timeout', 'a word of the id, the family or a parameter, upper or lower case'],
  ['"two words"', 'a text with spaces'],
];

/** Explain the query language. */
export function queryHelp() {
  return dialog({
    title: 'What a query can say', wide: true, cancel: 'Close',
    content: [
      h('p', { text: 'Write terms side by side: a task has to fit all of them. A comma means or. The address of the page keeps the query, so that a link shows the same tasks.' }),
      h('dl', { class: 'terms' }, TERMS.map(([term, says]) => [h('dt', {}, h('code', { text: term })), h('dd', { text: says })])),
      h('p', { class: 'dim' }, `States: ${Object.keys(WORDS).join(', ')}.`),
    ],
  });
}
