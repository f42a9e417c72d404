// What ended per minute in the last hour: done below, failed on top (place is its second cue).

import { s } from '../dom.js';
import { clock, number } from '../words.js';

const W = 442, H = 106, FLOOR = 90, TOP = 12, DIGIT = 6.5;

/** The drawing of `minutes` (oldest first): `{at, started, done, failed}`. */
export function throughput(minutes) {
  const most = Math.max(1, ...minutes.map(one => one.done + one.failed));
  const ceiling = niceCeiling(most);
  const left = 16 + DIGIT * number(ceiling).length;
  const high = n => ((FLOOR - TOP) * n) / ceiling;
  const step = (W - left) / Math.max(1, minutes.length), width = Math.max(1, step * 0.75);
  const lines = [ceiling / 2, ceiling].filter(Number.isInteger).flatMap(n => [
    s('line', { class: 'grid', x1: left - 2, x2: W, y1: FLOOR - high(n), y2: FLOOR - high(n) }),
    s('text', { x: left - 8, y: FLOOR - high(n) + 3, 'text-anchor': 'end' }, number(n)),
  ]);
  const bars = minutes.flatMap((one, i) => {
    const x = (left + i * step).toFixed(1), top = FLOOR - high(one.done), gap = one.done && one.failed ? 1 : 0;
    return [
      one.done ? s('rect', { class: 'fillc s-done', x, y: top.toFixed(1), width: width.toFixed(1), height: high(one.done).toFixed(1), rx: 1 }) : null,
      one.failed ? s('rect', { class: 'fillc s-failed', x, y: (top - high(one.failed) - gap).toFixed(1), width: width.toFixed(1), height: high(one.failed).toFixed(1), rx: 1 }) : null,
    ];
  });
  const labels = [0, 15, 30, 45].filter(i => minutes[i]).map(i => s('text', { x: left + i * step, y: 105 }, clock(minutes[i].at, minutes[i].at, false)));
  const done = sum(minutes, 'done'), failed = sum(minutes, 'failed');
  return s('svg', { class: 'chart', viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': `Tasks that ended per minute in the last hour: ${number(done)} done, ${number(failed)} failed, at most ${number(most)} in a minute` },
    lines, bars, s('line', { class: 'grid', x1: left - 2, x2: W, y1: FLOOR, y2: FLOOR }), labels, s('text', { x: W, y: 105, 'text-anchor': 'end' }, 'now'));
}

function sum(minutes, key) {
  return minutes.reduce((total, one) => total + one[key], 0);
}

function niceCeiling(n) {
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 4, 6, 10].map(m => m * power).find(m => m >= n);
}
