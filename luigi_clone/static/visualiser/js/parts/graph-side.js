// Beside the drawing: the selected node, what it needs and is needed by, what is in the graph; and all of it as a list.
import { call } from '../api.js';
import { button, h, put } from '../dom.js';
import { href } from '../router.js';
import { duration, GROUPS, number, plural, WORDS } from '../words.js';
import { detailOf } from './graph-shapes.js';
import { rankOf, stateIcon, status } from './status.js';

const MOST_LISTED = 500,
  MOST_NEAR = 30,
  WAIT = 150;

export class GraphSide {
  /** @param {{select: (id: string) => void, open: (node: any) => void}} told */
  constructor(app, told) {
    this.app = app;
    this.told = told;
    this.picked = h('section', { class: 'card', id: 'side', 'aria-live': 'polite' });
    this.needs = h('section', { class: 'card deps' });
    this.neededBy = h('section', { class: 'card deps' });
    this.counts = h('section', { class: 'card' });
    this.element = h(
      'aside',
      { class: 'stack', 'aria-label': 'Selected task' },
      this.picked,
      this.needs,
      this.neededBy,
      this.counts,
    );
  }

  /** Tell what is in the graph. */
  graph(graph) {
    this.graphShown = graph;
    this.byId = new Map(graph.nodes.map((node) => [node.id, node]));
    this.showCounts();
  }

  showCounts() {
    const sum = {};
    for (const node of this.graphShown.nodes) {
      if (node.kind === 'group') for (const [state, n] of Object.entries(node.states)) sum[state] = (sum[state] ?? 0) + n;
      else sum[node.state] = (sum[node.state] ?? 0) + 1;
    }
    const tasks = Object.values(sum).reduce((a, b) => a + b, 0),
      nodes = this.graphShown.nodes.length;
    put(
      this.counts,
      h(
        'header',
        {},
        h('h2', { text: 'In this graph' }),
        h('div', {
          class: 'side',
          text: nodes === tasks ? plural(tasks, 'task') : `${plural(nodes, 'node')}, ${plural(tasks, 'task')}`,
        }),
      ),
      h(
        'dl',
        { class: 'facts counts' },
        Object.values(GROUPS)
          .flat()
          .filter((state) => sum[state])
          .map((state) => [h('dt', {}, status(state)), h('dd', { class: 'num', text: number(sum[state]) })]),
      ),
    );
  }

  /** Show a node. Its sentence is asked for a moment later, when the arrow keys rest. */
  select(node) {
    this.node = node;
    clearTimeout(this.timer);
    const group = node.kind === 'group';
    this.why = h('p', { class: 'soft', text: group ? '' : '…' });
    const open = group
      ? button(`Unfold ${plural(node.n, 'task')}`, () => this.told.open(node), { class: 'sm' })
      : h('a', { class: 'link', href: href('task', { id: node.id }), text: 'Open task' });
    const query = `family:${node.family}${group && Object.keys(node.states ?? {}).length === 1 ? ` status:${node.state}` : ''}`;
    put(
      this.picked,
      h(
        'header',
        {},
        h('h2', { class: 'ellip', title: node.family, text: node.family }),
        h('div', { class: 'side' }, status(node.state)),
      ),
      h(
        'div',
        { class: 'body' },
        h(
          'p',
          { class: 'par brk' },
          group || !Object.keys(node.params ?? {}).length
            ? detailOf(node) || (group ? plural(node.n, 'task') : 'no parameters')
            : Object.entries(node.params).map(([name, value]) => [h('i', { text: `${name}=` }), h('b', { text: value }), ' ']),
        ),
        group ? null : this.why,
        group
          ? h(
              'p',
              { class: 'soft' },
              Object.entries(node.states)
                .sort((a, b) => rankOf(a[0]) - rankOf(b[0]))
                .map(([state, n]) => `${number(n)} ${WORDS[state].toLowerCase()}`)
                .join(', '),
            )
          : null,
        node.took !== null && node.took !== undefined ? h('p', { class: 'dim', text: `took ${duration(node.took)}` }) : null,
      ),
      h(
        'footer',
        {},
        open,
        group
          ? h('a', { class: 'link', href: href('tasks', { q: query }), text: 'In the list' })
          : h('a', { class: 'link', href: href('graph', { id: node.id }), text: 'Its graph' }),
      ),
    );
    this.near(
      this.needs,
      'Needs',
      this.graphShown.edges.filter(([, needing]) => needing === node.id).map(([needed]) => needed),
      node,
    );
    this.near(
      this.neededBy,
      'Needed by',
      this.graphShown.edges.filter(([needed]) => needed === node.id).map(([, needing]) => needing),
      node,
    );
    if (!group) this.timer = setTimeout(() => this.explain(node), WAIT);
  }

  async explain(node) {
    try {
      const { because } = await call('task_detail', { task_id: node.id });
      if (this.node === node)
        put(this.why, because?.text ?? '', because?.detail ? h('small', { text: ` ${because.detail}` }) : null);
    } catch (error) {
      if (this.node === node) put(this.why, error.text ?? '');
    }
  }

  near(box, head, ids) {
    const nodes = [...new Set(ids)]
      .map((id) => this.byId.get(id))
      .filter(Boolean)
      .sort((a, b) => rankOf(a.state) - rankOf(b.state));
    box.hidden = !nodes.length;
    const sum = nodes.reduce((total, node) => total + (node.n ?? 1), 0),
      done = nodes.reduce(
        (total, node) => total + (node.kind === 'group' ? (node.states.done ?? 0) : Number(node.state === 'done')),
        0,
      );
    put(
      box,
      h('header', {}, h('h2', { text: head }), h('div', { class: 'side', text: `${number(done)} of ${number(sum)} done` })),
      h(
        'ul',
        {},
        nodes
          .slice(0, MOST_NEAR)
          .map((node) =>
            h(
              'li',
              {},
              h(
                'button',
                { type: 'button', class: 'rel', onclick: () => this.told.select(node.id) },
                stateIcon(node.state),
                h('span', { class: 'vh', text: WORDS[node.state] }),
                h('span', { class: 'fam', text: node.family }),
                h('span', { class: 'par ellip', text: node.kind === 'group' ? `×${number(node.n)}` : detailOf(node) }),
              ),
            ),
          ),
      ),
      nodes.length > MOST_NEAR ? h('p', { class: 'dim pad', text: `and ${number(nodes.length - MOST_NEAR)} more` }) : null,
    );
  }

  close() {
    clearTimeout(this.timer);
  }
}

/** The same graph as a table, in the order of its layers. */
export function graphList(graph, placed, open) {
  const order = graph.nodes.map((_, at) => at).sort((a, b) => placed.layer[a] - placed.layer[b] || placed.y[a] - placed.y[b]);
  const names = new Map(
    graph.nodes.map((node) => [
      node.id,
      `${node.family} ${node.kind === 'group' ? `×${number(node.n)}` : detailOf(node)}`.trim(),
    ]),
  );
  const needs = new Map();
  for (const [needed, needing] of graph.edges) (needs.get(needing) ?? needs.set(needing, []).get(needing)).push(needed);
  const told = (id) => {
    const all = needs.get(id) ?? [];
    return all.length
      ? `${all
          .slice(0, 3)
          .map((one) => names.get(one))
          .join(', ')}${all.length > 3 ? ` and ${number(all.length - 3)} more` : ''}`
      : 'nothing';
  };
  const row = (at) => {
    const node = graph.nodes[at];
    return h(
      'tr',
      { dataset: { id: node.id } },
      h('td', { class: 'num dim', text: number(placed.layer[at] + 1) }),
      h('td', {}, status(node.state)),
      h(
        'td',
        {},
        node.kind === 'group'
          ? h('button', { type: 'button', class: 'aslink fam', onclick: () => open(node) }, node.family)
          : h('a', { class: 'fam', href: href('task', { id: node.id }), text: node.family }),
        ' ',
        h('span', { class: 'par', text: node.kind === 'group' ? `×${number(node.n)} ${detailOf(node)}` : detailOf(node) }),
      ),
      h('td', { class: 'soft hide-s', text: told(node.id) }),
      h('td', { class: 'num soft hide-s nowrap', text: duration(node.took) }),
    );
  };
  return h(
    'div',
    { class: 'card listbox' },
    h(
      'div',
      { class: 'scrollx', tabindex: '0', role: 'group', 'aria-label': 'The graph as a list' },
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
              ['Layer', 'num'],
              ['Status', ''],
              ['Task', ''],
              ['Needs', 'hide-s'],
              ['Took', 'num hide-s'],
            ].map(([text, cls]) => h('th', { scope: 'col', class: cls, text })),
          ),
        ),
        h('tbody', {}, order.slice(0, MOST_LISTED).map(row)),
      ),
    ),
    order.length > MOST_LISTED
      ? h(
          'footer',
          {},
          `The first ${number(MOST_LISTED)} of ${number(order.length)} nodes. Fold the graph, or hide what is done, to see fewer.`,
        )
      : null,
  );
}
