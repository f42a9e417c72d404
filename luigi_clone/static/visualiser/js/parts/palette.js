// Ctrl K: go to a task, a family, a worker, a page, or an id.

import { call } from '../api.js';
import { h, icon, put } from '../dom.js';
import { href, quoted } from '../router.js';
import { status } from './status.js';

const PAGES = [['overview', 'Overview', 'i-home'], ['tasks', 'Tasks', 'i-list'], ['graph', 'Graph', 'i-graph'], ['timeline', 'Timeline', 'i-time'], ['workers', 'Workers', 'i-work'], ['history', 'History', 'i-time']];
const WAIT = 120; // ms after the last key

/** Open it. */
export function palette() {
  const input = h('input', { class: 'field', type: 'text', placeholder: 'Task, family, worker or id', autocomplete: 'off', spellcheck: 'false',
    role: 'combobox', 'aria-label': 'Go to task, family, worker or id', 'aria-expanded': 'true', 'aria-controls': 'palette-list', 'aria-autocomplete': 'list' });
  const list = h('ul', { id: 'palette-list', role: 'listbox', 'aria-label': 'Goals' });
  const note = h('p', { class: 'note', role: 'status' });
  const dlg = h('dialog', { class: 'dlg palette', 'aria-label': 'Go to' },
    h('form', { method: 'dialog', onsubmit: event => { event.preventDefault(); choose(); } }, input, list, note));
  let rows = [], at = 0, asked = 0, timer = 0;

  const mark = () => {
    rows.forEach((row, i) => row.setAttribute('aria-selected', String(i === at)));
    if (rows[at]) input.setAttribute('aria-activedescendant', rows[at].id);
    else input.removeAttribute('aria-activedescendant');
    rows[at]?.scrollIntoView({ block: 'nearest' });
  };
  const draw = goals => {
    rows = goals.map(([to, ...content], i) => h('li', { id: `goal-${i}`, role: 'option', 'aria-selected': 'false', dataset: { to }, onclick: () => { at = i; choose(); }, onmousemove: () => { if (at !== i) { at = i; mark(); } } }, content));
    at = 0;
    put(list, rows);
    mark();
  };
  const choose = () => {
    const to = rows[at]?.dataset.to;
    if (!to) return;
    dlg.close();
    location.hash = to;
  };
  const pages = text => PAGES.filter(([, word]) => word.toLowerCase().includes(text)).map(([view, word, id]) => [href(view), h('span', { class: 'st' }, icon(id), 'Page'), h('span', { class: 'fam', text: word })]);
  const ask = async () => {
    const text = input.value.trim(), mine = ++asked;
    if (!text) { note.textContent = ''; draw(pages('')); return; }
    try {
      const found = await call('search_palette', { text });
      if (mine !== asked) return;
      const goals = [
        ...found.tasks.map(task => [href('task', { id: task.id }), status(task.state), h('span', { class: 'fam', text: task.family }), h('span', { class: 'par ellip', text: Object.values(task.params ?? {}).join(' ') })]),
        ...found.families.map(name => [href('tasks', { q: `family:${quoted(name)}` }), h('span', { class: 'st' }, icon('i-list'), 'Family'), h('span', { class: 'fam', text: name })]),
        ...found.workers.map(name => [href('workers', { worker: name }), h('span', { class: 'st' }, icon('i-work'), 'Worker'), h('span', { class: 'fam ellip', text: name })]),
        ...pages(text.toLowerCase()),
      ];
      draw(goals);
      note.textContent = goals.length ? '' : `Nothing is called “${text}”.`;
    } catch (error) {
      if (mine === asked) { draw([]); note.textContent = error.text ?? String(error); }
    }
  };
  input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(ask, WAIT); });
  input.addEventListener('keydown', event => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !rows.length) return;
    event.preventDefault();
    at = (at + step + rows.length) % rows.length;
    mark();
  });
  dlg.addEventListener('click', event => { if (event.target === dlg) dlg.close(); });
  dlg.addEventListener('close', () => { clearTimeout(timer); asked++; dlg.remove(); });
  document.body.append(dlg);
  draw(pages(''));
  dlg.showModal();
}
