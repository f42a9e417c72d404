// A row of the list of tasks, and its change in place.

import { button, h, icon, put, setText } from '../dom.js';
import { href } from '../router.js';
import { UNKNOWN, clock, duration, label, number } from '../words.js';
import { status } from './status.js';

const RUNS = new Set(['running', 'batch']);
/** States whose tasks can be tried again by hand. */
export const RETRIED = new Set(['failed', 'disabled', 'missing']);

/** What a task says of itself while it runs, or why it waits or failed. */
export function why(row) {
  if (RUNS.has(row.state)) {
    const told = [row.progress === null || row.progress === undefined ? '' : `${number(Math.round(row.progress))} %`, row.message ?? ''].filter(Boolean);
    if (told.length) return told.join(' · ');
  }
  if (row.state === 'done') return row.message ?? '';
  return row.why?.text ?? '';
}

/** Names and values of the parameters, as the list shows them. */
export function parameters(params) {
  return Object.entries(params ?? {}).flatMap(([name, value], i) => [i ? ' ' : null, h('i', { text: `${name}=` }), h('b', { text: value })]);
}

/**
 * Make the row. `can` says what may be done; `on` are the listeners `select(event, row)`, `retry(row)`.
 * The element keeps the row it shows as `tr.row`.
 */
export function makeRow(row, now, can, on) {
  const tr = h('tr', { 'aria-selected': can.change ? 'false' : null, dataset: { id: row.id } });
  tr.row = row;
  const cells = {
    ck: can.change ? h('td', { class: 'c-ck' }, h('input', { type: 'checkbox', class: 'ck', 'aria-label': `Select ${label(row)}`, onclick: event => on.select(event, tr.row) })) : null,
    st: h('td', { class: 'c-st' }),
    ta: h('td', { class: 'c-ta', title: label(row) }, h('a', { class: 'fam', href: href('task', { id: row.id }), text: row.family || row.id }), h('span', { class: 'par' }, parameters(row.params))),
    wh: h('td', { class: 'c-wh why' }),
    wk: h('td', { class: 'c-wk soft' }),
    pr: h('td', { class: 'c-pr num soft' }),
    up: h('td', { class: 'c-up num soft' }),
    du: h('td', { class: 'c-du num' }),
    ac: h('td', { class: 'c-ac' }),
  };
  tr.cells_ = cells;
  tr.append(...Object.values(cells).filter(Boolean));
  draw(tr, row, now, can, on, null);
  return tr;
}

/** Show what became of the task: new words, nothing moves. */
export function updateRow(tr, row, now, can, on) {
  const before = tr.row;
  tr.row = row;
  draw(tr, row, now, can, on, before);
}

function draw(tr, row, now, can, on, before) {
  const { st, wh, wk, pr, up, du, ac } = tr.cells_;
  if (before?.state !== row.state) {
    put(st, status(row.state));
    put(ac, h('div', { class: 'acts' },
      can.change && RETRIED.has(row.state) ? button(null, () => on.retry(tr.row), { icon: 'i-retry', class: 'sm icon quiet', label: `Retry ${label(row)}`, title: 'Retry', dataset: { acts: '' } }) : null,
      h('a', { class: 'b sm icon quiet', href: href('graph', { id: row.id }), 'aria-label': `Graph of ${label(row)}`, title: 'Graph' }, icon('i-graph'))));
  }
  const says = why(row);
  setText(wh, says || UNKNOWN);
  wh.classList.toggle('dim', !says);
  wh.title = says;
  setText(wk, row.worker || UNKNOWN);
  wk.title = row.worker ?? '';
  setText(pr, number(row.priority));
  setText(up, clock(row.updated, now));
  if (RUNS.has(row.state) && row.started) {
    if (du.firstElementChild?.dataset.since !== String(row.started)) put(du, h('span', { dataset: { since: row.started }, text: duration(Math.floor(Math.max(0, now - row.started))) }));
  } else {
    setText(du, duration(row.took));
  }
}
