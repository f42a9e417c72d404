// The text of a query as far as the page has to change it: chips write it, and read what it says.

import { GROUPS, STATES } from '../words.js';

const TERM = /-?[\w.]+(?:>=|<=|[:=<>])(?:"[^"]*"|[^\s"])*|-?"[^"]*"?|\S+/g;
const LUIGI = {
  failed: ['failed'], running: ['running'], done: ['done'], disabled: ['disabled'], unknown: ['unknown'], batch_running: ['batch'],
  upstream_failed: ['upfailed'], upstream_disabled: ['updisabled'], upstream_running: ['uprunning'], upstream_missing_input: ['missing'],
};

/** The terms of a query, as they stand. */
export function terms(text) {
  return text.match(TERM) ?? [];
}

const isStatus = term => /^(status|is):/i.test(term);

/** The states that a query asks for by name; empty if it asks for none. */
export function statesOf(text) {
  const on = new Set();
  for (const term of terms(text).filter(isStatus)) {
    const [key, values] = [term.slice(0, term.indexOf(':')).toLowerCase(), term.slice(term.indexOf(':') + 1).replaceAll('"', '')];
    for (const value of values.toLowerCase().split(',')) {
      const meant = key === 'is' ? GROUPS[value] : STATES.includes(value) ? [value] : LUIGI[value];
      for (const state of meant ?? []) on.add(state);
    }
  }
  return on;
}

/** The query with these states instead of those it names. */
export function withStates(text, states) {
  const rest = terms(text).filter(term => !isStatus(term));
  const asked = STATES.filter(state => states.has(state));
  return [...(asked.length ? [`status:${asked.join(',')}`] : []), ...rest].join(' ');
}

/** Whether a query has no terms but those of states. */
export function onlyStates(text) {
  return terms(text).every(isStatus);
}
