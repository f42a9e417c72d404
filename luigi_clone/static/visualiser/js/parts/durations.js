// How long families take: median, quarters, p95, as numbers and as bars on one scale.
import { h, s } from '../dom.js';
import { href } from '../router.js';
import { duration, number } from '../words.js';
import { stateCount } from './status.js';

const MOST = 50;

function spread({ p25, p50, p75, p95 }, scale) {
  const x = (seconds) => Number(((98 * (seconds ?? 0)) / scale).toFixed(2));
  return s(
    'svg',
    {
      class: 'pbar',
      viewBox: '0 0 100 12',
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': `middle half ${duration(p25)} to ${duration(p75)}, median ${duration(p50)}, p95 ${duration(p95)}`,
    },
    s('line', { class: 'w', x1: x(p25), x2: x(p95), y1: 6, y2: 6 }),
    s('rect', { class: 'bx', x: x(p25), y: 2, width: Math.max(0.4, x(p75) - x(p25)), height: 8 }),
    s('rect', { class: 'md', x: x(p50), y: 1, width: 0.7, height: 10 }),
    s('rect', { class: 'w md', x: x(p95), y: 3, width: 0.35, height: 6 }),
  );
}

/** @param {{family: string, attempts: number, failed: number, p25: number, p50: number, p75: number, p95: number, longest: number}[]} families */
export function durationsCard(families, said) {
  const shown = families.slice(0, MOST),
    scale = Math.max(...shown.map((each) => each.p95 ?? 0), 0.001);
  const row = (each) =>
    h(
      'tr',
      {},
      h('td', { class: 'fam' }, h('a', { href: href('tasks', { q: `family:${each.family}` }), text: each.family })),
      h('td', { class: 'num soft', text: number(each.attempts) }),
      h('td', { class: 'num hide-s' }, each.failed ? stateCount('failed', each.failed) : h('span', { class: 'dim', text: '0' })),
      h('td', { class: 'hide-s' }, each.p50 === null ? null : spread(each, scale)),
      h('td', { class: 'num nowrap', text: duration(each.p50) }),
      h('td', { class: 'num nowrap', text: duration(each.p95) }),
      h('td', { class: 'num soft hide-s nowrap', text: duration(each.longest) }),
    );
  return h(
    'section',
    { class: 'card tlfam', 'aria-labelledby': 'h-du' },
    h(
      'header',
      {},
      h('h2', { id: 'h-du', text: 'How long families take' }),
      h('div', { class: 'side', text: `${said}, scale 0 to ${duration(scale)}` }),
    ),
    h(
      'table',
      { class: 't' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          [
            ['Family', ''],
            ['Attempts', 'num'],
            ['Failed', 'num hide-s'],
            ['Spread', 'barh hide-s'],
            ['p50', 'num'],
            ['p95', 'num'],
            ['Longest', 'num hide-s'],
          ].map(([text, cls]) => h('th', { scope: 'col', class: cls, text })),
        ),
      ),
      h('tbody', {}, shown.map(row)),
    ),
    families.length > MOST ? h('footer', {}, `The ${MOST} slowest of ${number(families.length)} families.`) : null,
  );
}
