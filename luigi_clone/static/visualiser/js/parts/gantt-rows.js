// Pure parts of the timeline: attempts → lanes → rows in which no two bars overlap; ticks of the time axis.

/**
 * @typedef {Object} Attempt
 * @property {string} task_id
 * @property {string} family
 * @property {Object<string, string>} params
 * @property {number} attempt
 * @property {string|null} worker
 * @property {number} start  unix seconds
 * @property {number|null} end  null while it runs
 * @property {string} status
 */

/** Leave out what is no end: a run that was told of again while it went on. */
export const runsOf = (attempts) =>
  attempts.filter(({ start, end, status }) => start !== null && (end === null || !/RUNNING$/.test(status)));

/** What tells one attempt from another. */
export const keyOf = (attempt) => `${attempt.task_id}\u0000${attempt.start}\u0000${attempt.worker ?? ''}`;

/**
 * Put attempts into lanes by `lane(attempt)`, and in each lane into as few rows as it takes.
 * @returns {{name: string, rows: Attempt[][], running: number}[]} by name
 */
export function lanesOf(attempts, lane, now) {
  const lanes = new Map();
  const sorted = [...attempts].sort((a, b) => a.start - b.start);
  for (const attempt of sorted) {
    const name = lane(attempt);
    let one = lanes.get(name);
    if (!one) lanes.set(name, (one = { name, rows: [], free: [], running: 0 }));
    if (attempt.end === null) one.running++;
    let row = one.free.findIndex((end) => end <= attempt.start + 0.001);
    if (row < 0) {
      row = one.rows.length;
      one.rows.push([]);
    }
    one.rows[row].push(attempt);
    one.free[row] = attempt.end ?? Math.max(now, attempt.start) + 1e9;
  }
  return [...lanes.values()].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

const STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000,
];

/** Return times between which lines are drawn: at most `most`, on round local times. */
export function ticksOf(from, to, most) {
  const step = STEPS.find((seconds) => (to - from) / seconds <= most) ?? STEPS.at(-1);
  const shift = new Date(from * 1000).getTimezoneOffset() * 60;
  const ticks = [];
  for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) ticks.push(at);
  return { step, ticks };
}
