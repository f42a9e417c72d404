// Words, numbers and times as the page writes them.

/** The states in the order of the page, by group. */
export const GROUPS = {
  attention: ['failed', 'upfailed', 'missing', 'disabled', 'updisabled', 'unknown'],
  moving: ['running', 'batch', 'uprunning'],
  waiting: ['ready', 'pending'],
  finished: ['done'],
};
export const GROUP_WORDS = { attention: 'Needs attention', moving: 'Moving', waiting: 'Waiting', finished: 'Finished' };
export const STATES = Object.values(GROUPS).flat();
export const WORDS = {
  failed: 'Failed', upfailed: 'Upstream failed', missing: 'Missing input', disabled: 'Disabled', updisabled: 'Upstream disabled',
  unknown: 'Unknown', running: 'Running', batch: 'In batch', uprunning: 'Upstream running', ready: 'Ready', pending: 'Pending', done: 'Done',
};
/** States a task has from its needs: drawn hollow. */
export const INHERITED = new Set(['upfailed', 'updisabled', 'uprunning', 'missing', 'pending']);

/** What stands for a value that is not known. */
export const UNKNOWN = '–';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });
/** `1854` → `1,854`; null → `–`. */
export function number(n) {
  return n === null || n === undefined || Number.isNaN(n) ? UNKNOWN : whole.format(n);
}

/** `plural(2, 'task')` → `2 tasks`; `plural(1, 'family', 'families')` → `1 family`. */
export function plural(n, one, many = `${one}s`) {
  return `${number(n)} ${n === 1 ? one : many}`;
}

/** Seconds → `< 0.1 s`, `0.4 s`, `31 s`, `6 min 02 s`, `2 h 05 min`, `3 d 04 h`; null → `–`. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return UNKNOWN;
  const t = Math.max(0, seconds);
  if (t < 0.95) return t === 0 ? '0 s' : t < 0.1 ? '< 0.1 s' : `${Math.round(t * 10) / 10} s`;
  if (t < 59.5) return `${Math.round(t)} s`;
  const two = n => String(n).padStart(2, '0');
  if (t < 3599.5) return `${Math.floor(Math.round(t) / 60)} min ${two(Math.round(t) % 60)} s`;
  const minutes = Math.round(t / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(t / 3600);
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

/** Seconds as they tick, in whole seconds: no tenth that jumps. */
export function ticking(seconds) {
  return duration(Math.floor(Math.max(0, seconds)));
}

/** How long ago, short: `2 s ago`, `4 min ago`, `3 h ago`, `2 d ago`. */
export function ago(seconds) {
  const t = Math.max(0, Math.round(seconds));
  if (t < 60) return `${t} s ago`;
  if (t < 3600) return `${Math.floor(t / 60)} min ago`;
  if (t < 86400) return `${Math.floor(t / 3600)} h ago`;
  return `${Math.floor(t / 86400)} d ago`;
}

const hms = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const hm = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hour12: false });
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function sameDay(a, b) {
  return a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();
}

/** Unix seconds → `12:31:44` today, `23 Nov 12:31` before, with the year when it is another; null → `–`. */
export function clock(unix, now = Date.now() / 1000, withSeconds = true) {
  if (unix === null || unix === undefined) return UNKNOWN;
  const date = new Date(unix * 1000), today = new Date(now * 1000);
  if (sameDay(date, today)) return (withSeconds ? hms : hm).format(date);
  const day = `${date.getDate()} ${months[date.getMonth()]}`;
  return date.getFullYear() === today.getFullYear() ? `${day} ${hm.format(date)}` : `${day} ${date.getFullYear()} ${hm.format(date)}`;
}

/** Share as `88.5 %`; never 100 % or 0 % unless it is. */
export function percent(part, total) {
  if (!total) return UNKNOWN;
  const share = (100 * part) / total;
  if (share > 99.9 && part < total) return '99.9 %';
  if (share < 0.1 && part > 0) return '0.1 %';
  return `${Math.round(share * 10) / 10} %`;
}

/** What a task is called in a sentence: family and the values of its parameters. */
export function label(row) {
  return [row.family, ...Object.values(row.params ?? {})].join(' ').trim() || row.id;
}

/** `['a', 'b', 'c']` → `a, b and c`; of more than `limit` the rest is counted. */
export function list(words, limit = 4) {
  const shown = words.length > limit ? [...words.slice(0, limit - 1), `${number(words.length - limit + 1)} more`] : words;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

/** First letter as a capital one. */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
