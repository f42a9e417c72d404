// What a graph is drawn of: nodes at three distances, edges as paths. No state, no events.
import { s } from '../dom.js';
import { INHERITED } from '../words.js';
import { stateWord } from './graph-words.js';

export const WIDTH = 166,
  HEIGHT = 36;
export const SIZES = { width: WIDTH, height: HEIGHT, gapX: 54, gapY: 12 };
const HELD = new Set(['upfailed', 'updisabled', 'missing', 'failed', 'disabled']);
const HOLDING = new Set(['failed', 'upfailed', 'disabled', 'updisabled', 'missing']);

const fit = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** What a node says beside its family: the values of its parameters, or what its group holds. */
export function detailOf(node) {
  if (node.kind === 'group') return node.label === node.family ? '' : node.label;
  return Object.values(node.params ?? {}).join(' ');
}

/** The name of a node as it is read out. */
export function nameOf(node) {
  const many = node.kind === 'group' ? ` ×${node.n}` : '';
  const detail = detailOf(node);
  return `${node.family}${detail ? ` ${detail}` : ''}${many}, ${stateWord(node.state).toLowerCase()}`;
}

/** Tell whether the task at the end of an edge waits because of the one at its beginning. */
export const holdsBack = (needed, needing) => HOLDING.has(needed.state) && HELD.has(needing.state);

function statesBar(node) {
  const known = Object.entries(node.states ?? {}).filter(([, n]) => n > 0);
  const total = known.reduce((sum, [, n]) => sum + n, 0);
  let x = 30;
  return known.map(([state, n]) => {
    const width = (125 * n) / total;
    const part = s('rect', {
      class: `s-${state} fillc${INHERITED.has(state) ? ' hollow' : ''}`,
      x: x.toFixed(1),
      y: 31.5,
      width: Math.max(1, width).toFixed(1),
      height: 2.5,
      rx: 1,
    });
    x += width;
    return part;
  });
}

/**
 * Make the element of a node.
 * @param {"near"|"mid"} distance  near shows words; mid only edge, icon and family
 */
export function nodeElement(node, x, y, distance) {
  const group = node.kind === 'group',
    detail = group || distance === 'near' ? detailOf(node) : '';
  const middle = distance === 'mid' || (!detail && !group && node.state === 'done');
  const word = group ? `×${node.n}` : node.state === 'done' ? '' : stateWord(node.state, true);
  const parts = [];
  if (group) parts.push(s('rect', { class: 'under', x: 4, y: 4, width: WIDTH, height: HEIGHT, rx: 6 }));
  parts.push(
    s('rect', { class: 'box', width: WIDTH, height: HEIGHT, rx: 6 }),
    s('rect', { class: 'edge', x: 1.5, y: 6, width: 3, height: 24, rx: 1.5 }),
    s(
      'svg',
      { class: `si s-${node.state}`, x: 10, y: middle ? 11 : 4, width: 14, height: 14, 'aria-hidden': 'true' },
      s('use', { href: `icons.svg#s-${node.state}` }),
    ),
    s(
      'text',
      { class: distance === 'mid' ? 'f far' : 'f', x: 29, y: middle ? 22.5 : 15 },
      fit(node.family, distance === 'mid' ? 15 : 19),
    ),
  );
  if (distance === 'near') {
    const room = word ? Math.max(6, 18 - Math.ceil(word.length * 0.9)) : 19;
    if (detail) parts.push(s('text', { class: 'p', x: 29, y: 27 }, fit(detail, room)));
    if (word) parts.push(s('text', { class: 'k', x: 158, y: 27, 'text-anchor': 'end' }, word));
    if (group) parts.push(...statesBar(node));
    parts.push(
      s(
        'title',
        {},
        `${node.family} ${
          Object.entries(node.params ?? {})
            .map(([name, value]) => `${name}=${value}`)
            .join(' ') || detailOf(node)
        }`.trim(),
      ),
    );
  }
  return s(
    'g',
    {
      class: `n s-${node.state}${group ? ' deck' : ''}`,
      'data-id': node.id,
      tabindex: -1,
      role: 'button',
      'aria-label': nameOf(node),
      transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
    },
    ...parts,
  );
}

/** The path of an edge between two nodes, along `bends` where the layout tells them. */
export function edgePath(x1, y1, x2, y2, bends) {
  const points = [[x1, y1], ...(bends && bends.length > 3 ? bends.slice(1, -1) : []), [x2, y2]];
  let path = `M${x1.toFixed(1)} ${y1.toFixed(1)}`;
  for (let i = 1; i < points.length; i++) {
    const [ax, ay] = points[i - 1],
      [bx, by] = points[i],
      half = ((ax + bx) / 2).toFixed(1);
    path += `C${half} ${ay.toFixed(1)} ${half} ${by.toFixed(1)} ${bx.toFixed(1)} ${by.toFixed(1)}`;
  }
  return path;
}

/** All nodes of one state as one path, for the view from far. Failed ones have a cross as their second sign. */
export function farPath(places, failed) {
  let path = '';
  for (const [x, y] of places) {
    path += `M${x.toFixed(1)} ${y.toFixed(1)}h${WIDTH}v${HEIGHT}h-${WIDTH}z`;
    if (failed) path += `M${(x + 65).toFixed(1)} ${y.toFixed(1)}l36 36m0-36l-36 36`;
  }
  return path;
}
