// The lines of a log: cut from pieces of text as they come, each with its time and level where it tells them.

/**
 * @typedef {Object} LogLine
 * @property {string} time    as written in the line, or ""
 * @property {string} level   "" | DEBUG | INFO | WARN | ERROR | …, as short words
 * @property {string} text    the rest of it, without control characters
 * @property {""|"w"|"e"} kind  warning, error, or neither
 */

/** So many lines are kept in the page; the oldest go first, and the log says so. */
export const MOST_LINES = 200_000;
/** A longer line is cut where it is shown; Copy and Save keep all of it. */
export const MOST_SHOWN = 2_000;

const TIME = /^\[?(?:\d{4}-\d\d-\d\d[T ])?(\d\d:\d\d:\d\d(?:[.,]\d{1,6})?)(?:Z|[+-]\d\d:?\d\d)?\]?\s*[-|:]?\s*/;
const LEVEL = /^(?:\[|<)?(TRACE|DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|CRITICAL|FATAL)(?:\]|>)?(?::|\s|$)\s?[-|:]?\s?/;
const LATER_LEVEL = /^\S{1,60}\s+(?:\[|-\s*)?(TRACE|DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|CRITICAL|FATAL)\b/;
const RAISED = /^(?:Traceback \(most recent call last\):|(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit)\b(?::|$))/;
// eslint-disable-next-line no-control-regex
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_])/g;
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
const SHORT = { WARNING: 'WARN', CRITICAL: 'CRIT' };
const BAD = new Set(['ERROR', 'CRITICAL', 'FATAL']);

const visible = (mark) => {
  const code = mark.codePointAt(0);
  return code < 0x20 ? String.fromCodePoint(0x2400 + code) : code === 0x7f ? '\u2421' : '\ufffd';
};

/** Return the text of a line as it may be shown: no colour codes, and control characters as signs. */
export function readable(text) {
  return text.replace(ESCAPES, '').replace(CONTROLS, visible);
}

export class LogLines {
  constructor() {
    /** @type {LogLine[]} */
    this.lines = [];
    this.dropped = 0;
    this.partial = '';
    this.inError = false;
  }

  get size() {
    return this.lines.length;
  }

  /** Take in the next piece of text; a line without its end waits for the rest and is shown meanwhile. */
  add(piece) {
    if (!piece) return;
    if (this.partial) {
      this.lines.pop();
      piece = this.partial + piece;
      this.inError = this.wasInError;
    }
    const parts = piece.split('\n');
    this.partial = parts.pop();
    for (const part of parts) this.push(part);
    this.wasInError = this.inError;
    if (this.partial) this.push(this.partial);
    const over = this.lines.length - MOST_LINES;
    if (over > 0) {
      this.lines.splice(0, over);
      this.dropped += over;
    }
  }

  push(raw) {
    // a progress bar writes over its line: what it came to last is shown
    const kept = raw.replace(/\r$/, '');
    const clean = readable(kept.slice(kept.lastIndexOf('\r') + 1));
    let rest = clean,
      time = '',
      level = '';
    const stamped = TIME.exec(rest);
    if (stamped) {
      time = stamped[1].replace(',', '.');
      rest = rest.slice(stamped[0].length);
    }
    const told = LEVEL.exec(rest);
    if (told) {
      level = told[1];
      rest = rest.slice(told[0].length);
    } else {
      const later = stamped ? LATER_LEVEL.exec(rest) : null;
      if (later) level = later[1];
    }
    const raised = RAISED.test(rest);
    if (time || level) this.inError = BAD.has(level);
    else if (raised) this.inError = true;
    else if (this.inError && !/^\s/.test(rest)) this.inError = false;
    const kind = this.inError || raised ? 'e' : level.startsWith('WARN') ? 'w' : '';
    if (raised && !rest.startsWith('Traceback')) this.inError = false; // the exception's own line is the last of it
    this.lines.push({ time, level: SHORT[level] ?? level, text: rest, kind });
  }

  /** Return the places of all lines that hold `wanted`, whatever the case. */
  find(wanted) {
    const low = wanted.toLowerCase(),
      found = [];
    if (!low) return found;
    this.lines.forEach((line, at) => {
      if (line.text.toLowerCase().includes(low) || line.level.toLowerCase() === low || line.time.includes(low)) found.push(at);
    });
    return found;
  }

  /** Return the place of the first line of an error after `from`, else of the first one; -1 if there is none. */
  nextError(from) {
    const starts = (at) => this.lines[at].kind === 'e' && (at === 0 || this.lines[at - 1].kind !== 'e' || !!this.lines[at].level);
    for (let at = from + 1; at < this.lines.length; at++) if (starts(at)) return at;
    for (let at = 0; at <= Math.min(from, this.lines.length - 1); at++) if (starts(at)) return at;
    return -1;
  }
}
