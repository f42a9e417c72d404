// What a task needs, and what needs it, as a drawing and as a list.
import { call } from '../api.js';
import { button, h, put, s, setText } from '../dom.js';
import { GraphCanvas } from '../parts/graph-canvas.js';
import { graphFile } from '../parts/graph-export.js';
import { graphList, GraphSide } from '../parts/graph-side.js';
import { holdsBack } from '../parts/graph-shapes.js';
import { Layouter, Missing } from '../parts/graph-worker.js';
import { saveFile } from '../parts/save.js';
import { emptyState, errorState, skeleton } from '../parts/state.js';
import { unknownTask } from '../parts/task-facts.js';
import { href } from '../router.js';
import { duration, label, number, WORDS } from '../words.js';

export const title = 'Graph';

const LIMIT = 2000,
  PHONE = 640,
  FOLDS = { auto: 'As fits', family: 'By family', none: 'Every task' };
const KEPT = ['id', 'direction', 'fold', 'hide_done', 'dim', 'critical', 'show', 'selected', 'open'];

/** @param {HTMLElement} main */
export async function open(main, params, app) {
  const view = new GraphView(main, params, app);
  await view.load();
  return view;
}

class GraphView {
  constructor(main, params, app) {
    this.main = main;
    this.app = app;
    this.layouter = new Layouter();
    this.side = new GraphSide(app, { select: (id) => this.pick(id), open: (node) => this.enter(node) });
    this.canvas = new GraphCanvas({ onSelect: (node) => this.selected(node), onOpen: (node) => this.enter(node) });
    this.take(params);
    this.build();
  }

  take(params) {
    this.params = Object.fromEntries(KEPT.filter((name) => params[name]).map((name) => [name, params[name]]));
  }

  // -- the frame: tools, drawing, side

  build() {
    const toggle = (name, text, on) =>
      h(
        'label',
        { class: 'check' },
        h('input', {
          type: 'checkbox',
          class: 'ck',
          id: `g-${name}`,
          checked: on,
          onchange: (event) => this.toggled(name, event.target.checked),
        }),
        text,
      );
    this.root = h('input', {
      class: 'field root',
      id: 'root',
      list: 'root-list',
      placeholder: 'Task or id',
      autocomplete: 'off',
      spellcheck: 'false',
      oninput: () => this.suggest(),
      onchange: () => this.chooseRoot(),
      onkeydown: (event) => {
        if (event.key === 'Enter') {
          event.preventDefault();
          this.chooseRoot(true);
        }
      },
    });
    this.found = h('datalist', { id: 'root-list' });
    this.direction = this.choice(
      'Direction',
      { needs: 'What it needs', needed_by: 'What needs it' },
      this.params.direction ?? 'needs',
      (value) => this.goTo({ direction: value === 'needs' ? '' : value, selected: '', open: '' }),
    );
    this.fold = this.choice('Fold', FOLDS, this.params.fold ?? 'auto', (value) =>
      this.goTo({ fold: value === 'auto' ? '' : value, selected: '', open: '' }),
    );
    this.as = this.choice('Show as', { drawing: 'Drawing', list: 'List' }, this.params.show ?? 'drawing', (value) =>
      this.goTo({ show: value === 'drawing' ? '' : value }),
    );
    this.saveButton = button('SVG', () => this.export(), {
      icon: 'i-down',
      class: 'sm',
      label: 'SVG: save the drawing as a file',
    });
    this.tools = h(
      'div',
      { class: 'gtools' },
      h('h1', { text: 'Graph' }),
      h('span', { class: 'dim', text: 'of' }),
      h('label', { class: 'vh', for: 'root', text: 'Task whose graph is shown' }),
      this.root,
      this.found,
      this.direction,
      this.fold,
      this.as,
      toggle('hide_done', 'Hide done', !!this.params.hide_done),
      toggle('dim', 'Dim done', !!this.params.dim),
      toggle('critical', 'Critical path', this.params.critical !== 'off'),
    );
    this.note = h('p', { class: 'gnote', role: 'status' });
    this.legend = h('div', { class: 'legend' });
    this.cover = h('div', { class: 'cover' });
    this.card = h(
      'section',
      { class: 'card canvas', 'aria-label': 'Dependency graph' },
      this.canvas.element,
      this.legend,
      this.cover,
    );
    this.grid = h('div', { class: 'gp' }, h('div', { class: 'stage' }, this.card), this.side.element);
    put(this.main, this.tools, this.note, this.grid);
    this.canvas.setCritical(this.params.critical !== 'off');
    this.canvas.setDimmed(!!this.params.dim);
  }

  choice(name, words, chosen, told) {
    return h(
      'div',
      { class: 'seg', role: 'group', 'aria-label': name },
      Object.entries(words).map(([value, text]) =>
        h('button', { type: 'button', dataset: { value }, 'aria-pressed': value === chosen, onclick: () => told(value), text }),
      ),
    );
  }

  press(group, chosen) {
    for (const one of group.children) one.setAttribute('aria-pressed', String(one.dataset.value === chosen));
  }

  goTo(change, how) {
    this.app.go('graph', { ...this.params, ...change }, how);
  }

  toggled(name, on) {
    if (name === 'critical') this.goTo({ critical: on ? '' : 'off' }, { replace: true });
    else this.goTo({ [name]: on ? '1' : '', ...(name === 'hide_done' ? { selected: '' } : {}) }, { replace: name === 'dim' });
  }

  // -- loading

  covered(...content) {
    this.cover.hidden = !content.length;
    put(this.cover, content);
    this.grid.classList.toggle('alone', !!content.length);
    this.legend.hidden = !!content.length;
    this.saveButton.disabled = !!content.length;
  }

  async load() {
    const { id, direction = 'needs', fold = 'auto', hide_done: hide, open = '' } = this.params,
      turn = (this.turn = (this.turn ?? 0) + 1);
    this.layouter.close();
    if (!id) {
      this.covered(emptyState('Which task?', 'Type a part of its id or family above, or open a graph from the page of a task.'));
      this.root.focus();
      return;
    }
    this.covered(h('div', { class: 'state', 'aria-hidden': 'true' }, skeleton(5)));
    this.asked = Date.now();
    try {
      const graph = await call('task_graph', {
        task_id: id,
        direction,
        fold,
        include_done: !hide,
        limit: LIMIT,
        ...(open ? { unfolded: open.split('\n') } : {}),
      });
      if (turn !== this.turn) return;
      if (!graph.nodes.length) {
        await this.nothing(id, hide);
        return;
      }
      const known = new Set(graph.nodes.map((node) => node.id));
      graph.edges = graph.edges.filter(([a, b]) => a !== b && known.has(a) && known.has(b));
      graph.critical ??= [];
      const placed = await this.layouter.place(graph);
      if (turn !== this.turn) return;
      this.show(graph, placed);
    } catch (error) {
      if (turn !== this.turn || error.name === 'AbortError') return;
      if (error instanceof Missing)
        this.covered(
          emptyState(
            'The drawing needs a library that is not here',
            [
              h(
                'p',
                {},
                'This installation was made from the sources. Run ',
                h('code', { text: 'bin/vendor' }),
                ' in the folder of the sources, which fetches it from npm, then load this page again. Everything else works without it.',
              ),
            ],
            ['Try again', () => this.load()],
          ),
        );
      else this.covered(errorState('The graph could not be loaded', error, () => this.load()));
    }
  }

  async nothing(id, hide) {
    const detail = await call('task_detail', { task_id: id });
    if (!detail.known) this.covered(unknownTask(id, this.app.session.has_history));
    else if (hide)
      this.covered(
        emptyState('All of it is done', `${label(detail)} and everything in its graph is done.`, [
          'Show what is done',
          () => this.goTo({ hide_done: '' }),
        ]),
      );
    else this.covered(emptyState('Nothing to draw', `${label(detail)} has nothing around it.`));
  }

  show(graph, placed) {
    this.graph = graph;
    this.placed = placed;
    this.byId = new Map(graph.nodes.map((node) => [node.id, node]));
    const root = this.byId.get(graph.root),
      held = graph.edges.some(([needed, needing]) => holdsBack(this.byId.get(needed), this.byId.get(needing)));
    if (document.activeElement !== this.root) this.root.value = root ? label(root) : graph.root;
    document.title = `Graph of ${root ? label(root) : graph.root} · ${this.app.session.name || 'luigi_clone'}`;
    this.covered();
    const long = this.graph.critical.length > 1;
    put(
      this.legend,
      h('span', { hidden: !long }, this.line('crit'), this.criticalText()),
      h('span', { hidden: !held }, this.line('bad'), 'held back'),
      h('span', { hidden: !graph.nodes.some((node) => node.kind === 'group') }, '×n folded tasks'),
      this.zoomer(),
    );
    const rest = graph.truncated
      ? `Shows ${number(graph.nodes.length)} nodes of ${number(graph.total_tasks)} tasks: the rest is not loaded. Fold it, hide what is done, or start from a task further in.`
      : '';
    setText(this.note, rest);
    this.note.hidden = !rest;
    this.canvas.svg.setAttribute(
      'aria-label',
      `${number(graph.nodes.length)} nodes in ${number(placed.layers)} layers, what is needed at the left. Arrow keys follow edges, Enter opens.`,
    );
    this.side.graph(graph);
    this.canvas.show(graph, placed);
    this.frame();
    this.asList();
    this.watch();
  }

  line(kind) {
    return s('svg', { viewBox: '0 0 24 8', 'aria-hidden': 'true' }, s('path', { class: `e ${kind}`, d: 'M1 4h22' }));
  }

  criticalText() {
    const times = this.graph.critical.map((id) => this.byId.get(id));
    const took = times.reduce((sum, node) => sum + (node?.took ?? node?.usual ?? 0), 0);
    return took
      ? `critical path, ${took > 1 && times.some((node) => node?.took === null) ? 'about ' : ''}${duration(took)}`
      : 'critical path';
  }

  zoomer() {
    return h(
      'div',
      { class: 'zoom' },
      button('+', () => this.canvas.zoom(1.25), { class: 'icon sm', label: 'Zoom in' }),
      button('−', () => this.canvas.zoom(0.8), { class: 'icon sm', label: 'Zoom out' }),
      button('', () => this.canvas.fit(), { icon: 'i-fit', class: 'icon sm', label: 'Show all' }),
      this.saveButton,
    );
  }

  /** The first look: all of it, or on a phone what is selected, readable. */
  frame() {
    const wanted =
      [this.params.selected, this.graph.root].find((id) => this.graph.nodes.some((node) => node.id === id)) ??
      this.graph.nodes[0].id;
    this.canvas.fit();
    if (innerWidth < PHONE && this.canvas.view.k < 0.8)
      this.canvas.centre(wanted, 0.9, this.params.direction === 'needed_by' ? 0.3 : 0.7);
    this.canvas.select(wanted, { tell: false });
    this.side.select(this.graph.nodes.find((node) => node.id === wanted));
  }

  asList() {
    const list = this.params.show === 'list' && this.graph;
    this.table?.remove();
    this.table = list ? graphList(this.graph, this.placed, (node) => this.enter(node)) : undefined;
    this.card.hidden = !!list;
    if (list) this.card.after(this.table);
  }

  // -- live: states change in place, nothing moves

  watch() {
    this.unwatch?.();
    const tasks = this.graph.nodes.filter((node) => node.kind !== 'group').slice(0, 500);
    this.unwatch = this.app.watch(
      { ids: tasks.map((node) => node.id) },
      {
        tasks: ({ rows }) => this.changed(rows),
        back: () => this.load(),
      },
    );
  }

  changed(rows) {
    if (!this.graph) return;
    const states = new Map(rows.map((row) => [row.id, row.state]));
    this.canvas.setStates(states);
    this.side.showCounts();
    if (this.table) this.asList();
    if (this.side.node && states.has(this.side.node.id)) this.side.select(this.side.node);
  }

  // -- selecting, opening

  pick(id) {
    this.canvas.select(id, { focus: !this.card.hidden });
  }

  selected(node) {
    this.side.select(node);
    this.params.selected = node.id;
    history.replaceState(null, '', href('graph', this.params));
  }

  /** Open a task's page, or unfold a group. */
  enter(node) {
    if (node.kind !== 'group') {
      this.app.go('task', { id: node.id });
      return;
    }
    this.app.announce(`Unfolds ${node.family}`);
    this.goTo({ open: [...(this.params.open ? this.params.open.split('\n') : []), node.id].join('\n'), selected: '' });
  }

  export() {
    saveFile(
      `graph-${label(this.graph.nodes.find((node) => node.id === this.graph.root) ?? { family: this.graph.root })}.svg`,
      graphFile(this.graph, this.placed, document.title),
      'image/svg+xml',
    );
    this.app.toast('Saved as an SVG file');
  }

  // -- which task

  suggest() {
    clearTimeout(this.suggestTimer);
    this.suggestTimer = setTimeout(async () => {
      const text = this.root.value.trim();
      if (!text) return;
      try {
        const { tasks } = await call('search_palette', { text, limit: 12 });
        this.suggested = tasks;
        put(
          this.found,
          tasks.map((task) => h('option', { value: task.id, text: `${label(task)}, ${WORDS[task.state]?.toLowerCase() ?? ''}` })),
        );
      } catch {
        /* an id can be typed without suggestions */
      }
    }, 150);
  }

  async chooseRoot(sure = false) {
    const text = this.root.value.trim();
    const root = this.graph?.nodes.find((node) => node.id === this.graph.root);
    if (!text || text === this.params.id || (root && text === label(root))) return;
    const exact = this.suggested?.find((task) => task.id === text || label(task) === text);
    if (exact) {
      this.goTo({ id: exact.id, selected: '', open: '' });
      return;
    }
    if (!sure) return;
    let first = this.suggested?.[0];
    try {
      first = (await call('search_palette', { text, limit: 1 })).tasks[0];
    } catch {
      /* what is typed is taken as an id */
    }
    this.goTo({ id: first?.id ?? text, selected: '', open: '' });
  }

  update(params) {
    const before = this.params;
    this.take(params);
    this.press(this.direction, this.params.direction ?? 'needs');
    this.press(this.fold, this.params.fold ?? 'auto');
    this.press(this.as, this.params.show ?? 'drawing');
    this.tools.querySelector('#g-hide_done').checked = !!this.params.hide_done;
    this.tools.querySelector('#g-dim').checked = !!this.params.dim;
    this.tools.querySelector('#g-critical').checked = this.params.critical !== 'off';
    if (['id', 'direction', 'fold', 'hide_done', 'open'].some((name) => before[name] !== this.params[name])) {
      this.load();
      return;
    }
    if (before.dim !== this.params.dim) this.canvas.setDimmed(!!this.params.dim);
    if (before.critical !== this.params.critical) this.canvas.setCritical(this.params.critical !== 'off');
    if (before.show !== this.params.show && this.graph) this.asList();
    if (this.params.selected && before.selected !== this.params.selected && this.graph) this.canvas.select(this.params.selected);
  }

  key(event) {
    if (this.card.hidden || !this.graph || event.target.closest?.('button, a, input')) return false;
    if (['+', '=', '-', '0'].includes(event.key)) {
      this.canvas.key(event);
      return true;
    }
    return false;
  }

  close() {
    this.turn = -1;
    clearTimeout(this.suggestTimer);
    this.unwatch?.();
    this.layouter.close();
    this.side.close();
    this.canvas.close();
  }
}
