// Words of graph nodes.
import { STATES } from '../words.js';

const SHORT = { upfailed: 'Up. failed', updisabled: 'Up. disabled', uprunning: 'Up. running', missing: 'Missing' };

/** The word for a state; `short` is the one that fits into a node. */
export function stateWord(state, short = false) {
  return (short && SHORT[state]) || STATES[state]?.word || state;
}
