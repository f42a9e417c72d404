// Words of graph nodes: short ones, that fit.
import { WORDS } from '../words.js';

const SHORT = { upfailed: 'Up. failed', updisabled: 'Up. disabled', uprunning: 'Up. running', missing: 'Missing' };

/** The word for a state; `short` is the one that fits into a node. */
export function stateWord(state, short = false) {
  return (short && SHORT[state]) || WORDS[state] || state;
}
