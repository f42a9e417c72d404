// A graph as an SVG file that needs nothing else: colours as they are seen now, words instead of icons.
import { s } from '../dom.js';
import { INHERITED } from '../words.js';
import { edgePath, HEIGHT, holdsBack, nodeElement, WIDTH } from './graph-shapes.js';
import { stateWord } from './graph-words.js';

const NAMES = ['surface', 'line-2', 'text', 'text-2', 'page'];
const PAD = 24;

/** The value of a colour variable in the theme that is shown, as rgb(). */
function colour(name, probe) {
  probe.style.setProperty('color', `var(--${name})`);
  return getComputedStyle(probe).color;
}

function style(states) {
  const probe = document.createElement('i');
  probe.hidden = true;
  document.body.append(probe);
  const is = Object.fromEntries(NAMES.map((name) => [name, colour(name, probe)]));
  const hues = states.map((state) => [
    state,
    colour(`st-${{ upfailed: 'failed', updisabled: 'disabled', uprunning: 'running' }[state] ?? state}`, probe),
  ]);
  probe.remove();
  return [
    `.back{fill:${is.page}} .box,.under{fill:${is.surface};stroke:${is['line-2']}} .e{fill:none;stroke:${is['line-2']};stroke-width:1.25}`,
    `.e.crit{stroke:${is.text};stroke-width:2} .e.bad{stroke-dasharray:4 3}`,
    `.f{font:600 12px system-ui,"Segoe UI",Roboto,"Liberation Sans",sans-serif;fill:${is.text}} .p{font:11px ui-monospace,Consolas,"Liberation Mono",monospace;fill:${is['text-2']}}`,
    '.k{font:500 10px system-ui,"Segoe UI",Roboto,"Liberation Sans",sans-serif}',
    ...hues.map(
      ([state, hue]) =>
        `.s-${state} .edge,.s-${state}.fillc{fill:${hue}} .s-${state} .k{fill:${hue}} .s-${state}.hollow{fill-opacity:.34} .e.bad.s-${state}{stroke:${hue}}`,
    ),
    ...[...INHERITED].map(
      (state) =>
        `.s-${state} .edge{fill:${is.surface};stroke-dasharray:2 2;stroke:${hues.find(([one]) => one === state)?.[1] ?? is.text}}`,
    ),
  ].join('\n');
}

function standAlone(node, x, y) {
  const element = nodeElement(node, x, y, 'near');
  element.querySelector('svg')?.remove();
  for (const name of ['tabindex', 'role', 'data-id']) element.removeAttribute(name);
  for (const text of element.querySelectorAll('.f, .p')) text.setAttribute('x', '12');
  if (node.state === 'done' && node.kind !== 'group') {
    element.insertBefore(
      s('text', { class: 'k', x: 158, y: 27, 'text-anchor': 'end' }, stateWord('done')),
      element.querySelector('title'),
    );
  }
  return element;
}

/**
 * Return the file's text.
 * @param {{nodes: any[], edges: [string, string][], critical: string[]}} graph
 * @param {any} placed  see graph-layout.js
 */
export function graphFile(graph, placed, title) {
  const place = new Map(graph.nodes.map((node, at) => [node.id, at])),
    { x, y } = placed;
  const onPath = new Set(graph.critical.slice(1).map((id, at) => `${graph.critical[at]}\n${id}`));
  const edges = graph.edges.map(([needed, needing], index) => {
    const from = place.get(needed),
      to = place.get(needing);
    const kind = onPath.has(`${needed}\n${needing}`)
      ? 'e crit'
      : holdsBack(graph.nodes[from], graph.nodes[to])
        ? `e bad s-${graph.nodes[from].state}`
        : 'e';
    return s('path', {
      class: kind,
      d: edgePath(x[from] + WIDTH, y[from] + HEIGHT / 2, x[to], y[to] + HEIGHT / 2, placed.bends?.[index]),
    });
  });
  const width = Math.ceil(placed.width + 2 * PAD + 8),
    height = Math.ceil(placed.height + 2 * PAD + 8);
  const file = s(
    'svg',
    { viewBox: `${-PAD} ${-PAD} ${width} ${height}`, width, height },
    s('title', {}, title),
    s('style', {}, style([...new Set(graph.nodes.flatMap((node) => [node.state, ...Object.keys(node.states ?? {})]))])),
    s('rect', { class: 'back', x: -PAD, y: -PAD, width, height }),
    s('g', {}, edges),
    s(
      'g',
      {},
      graph.nodes.map((node, at) => standAlone(node, x[at], y[at])),
    ),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(file)}\n`;
}
