// The drawing of a graph: what is in view is there as elements, from far all of it is a handful of paths.
import { h, s } from '../dom.js';
import { INHERITED } from '../words.js';
import { edgePath, farPath, HEIGHT, holdsBack, nodeElement, WIDTH } from './graph-shapes.js';

const FAR = 0.5,
  MID = 0.62,
  MOST = 2,
  LEAST = 0.02;
const MARGIN = 0.25; // of the view is drawn beyond each of its edges
const REST = 120; // ms without a move after which it is drawn anew

export class GraphCanvas {
  /** @param {{onSelect: (node: any) => void, onOpen: (node: any) => void}} told */
  constructor(told) {
    this.told = told;
    this.layers = {};
    for (const name of ['plain', 'bad', 'crit', 'hi'])
      this.layers[name] = s('path', { class: name === 'plain' ? 'e' : `e ${name}` });
    this.far = s('g', { class: 'far', 'aria-hidden': 'true' });
    this.near = s('g', { class: 'near' });
    this.world = s(
      'g',
      {},
      s('g', { class: 'edges', 'aria-hidden': 'true' }, ...Object.values(this.layers)),
      this.far,
      this.near,
    );
    this.svg = s('svg', { class: 'g', role: 'group', 'aria-label': 'Dependency graph' }, this.world);
    // the drawing is a picture a little larger than the view: while it is moved only the picture moves
    this.plane = h('div', { class: 'plane' }, this.svg);
    this.element = h('div', { class: 'view' }, this.plane);
    this.view = { k: 1, x: 0, y: 0 };
    this.base = this.view;
    this.shown = new Map();
    this.critical = true;
    this.dimmed = false;
    this.fresh = true;
    this.pointers = new Map();
    this.listen();
  }

  /** Draw a graph as it was laid out; see graph-layout.js. */
  show(graph, placed) {
    this.nodes = graph.nodes;
    this.place = new Map(graph.nodes.map((node, at) => [node.id, at]));
    this.placed = placed;
    this.edges = graph.edges.map(([needed, needing]) => [this.place.get(needed), this.place.get(needing)]);
    this.onPath = new Set(graph.critical.slice(1).map((id, at) => `${graph.critical[at]}\n${id}`));
    graph.critical.slice(1).forEach((id, at) => this.onPath.add(`${id}\n${graph.critical[at]}`));
    this.needs = graph.nodes.map(() => []);
    this.neededBy = graph.nodes.map(() => []);
    const { x, y } = placed;
    this.paths = this.edges.map(([from, to], at) => {
      this.needs[to].push(from);
      this.neededBy[from].push(to);
      return edgePath(x[from] + WIDTH, y[from] + HEIGHT / 2, x[to], y[to] + HEIGHT / 2, placed.bends?.[at]);
    });
    this.ends = this.edges.map(([from, to], at) => {
      const heights = [y[from], y[to], ...(placed.bends?.[at] ?? []).map((point) => point[1])];
      return [Math.min(x[from], x[to]), Math.min(...heights), Math.max(x[from], x[to]) + WIDTH, Math.max(...heights) + HEIGHT];
    });
    this.current = null;
    this.drawFar();
    this.measure();
    this.redraw();
  }

  // -- the view

  measure() {
    const box = this.element.getBoundingClientRect();
    this.size = { width: box.width || 800, height: box.height || 500 };
  }

  /** Show all of it. */
  fit() {
    const { width, height } = this.placed,
      pad = 24;
    const k = Math.max(LEAST, Math.min(1.15, (this.size.width - pad) / width, (this.size.height - pad - 44) / height));
    this.view = { k, x: (this.size.width - width * k) / 2, y: Math.max(12, (this.size.height - 44 - height * k) / 2) };
    this.redraw();
  }

  /** Show a node in the middle, readable. */
  centre(id, k = 1, across = 0.5) {
    const at = this.place.get(id);
    if (at === undefined) return;
    this.view = {
      k,
      x: this.size.width * across - (this.placed.x[at] + WIDTH / 2) * k,
      y: this.size.height / 2 - (this.placed.y[at] + HEIGHT / 2) * k,
    };
    this.redraw();
  }

  zoom(factor, px = this.size.width / 2, py = this.size.height / 2) {
    const k = Math.min(MOST, Math.max(LEAST, this.view.k * factor)),
      by = k / this.view.k;
    this.view = { k, x: px - (px - this.view.x) * by, y: py - (py - this.view.y) * by };
    this.later();
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.glide();
    });
  }

  /** Move the picture; draw it anew when it does not cover the view any more, and at rest. */
  glide() {
    const { k, x, y } = this.view,
      { base, size } = this,
      by = k / base.k,
      left = x - base.x * by,
      top = y - base.y * by;
    const beyond = MARGIN * by,
      covers =
        left - size.width * beyond <= 0 &&
        top - size.height * beyond <= 0 &&
        left + size.width * (by + beyond) >= size.width &&
        top + size.height * (by + beyond) >= size.height;
    clearTimeout(this.resting);
    if (!covers || by > 2.5) {
      this.redraw();
      return;
    }
    this.plane.style.transform = `translate(${left.toFixed(2)}px, ${top.toFixed(2)}px) scale(${by.toFixed(5)})`;
    this.resting = setTimeout(() => this.redraw(), REST);
  }

  get distance() {
    return this.view.k < FAR ? 'far' : this.view.k < MID ? 'mid' : 'near';
  }

  redraw() {
    clearTimeout(this.resting);
    if (!this.nodes) return;
    const { k, x, y } = this.view,
      { width, height } = this.size,
      distance = this.distance;
    this.base = { ...this.view };
    this.plane.style.transform = '';
    this.world.setAttribute(
      'transform',
      `translate(${(x + width * MARGIN).toFixed(2)} ${(y + height * MARGIN).toFixed(2)}) scale(${k.toFixed(4)})`,
    );
    this.region = [-x - width * MARGIN, -y - height * MARGIN, width * (1 + MARGIN) - x, height * (1 + MARGIN) - y].map(
      (edge) => edge / k,
    );
    if (!this.fresh && distance === 'far' && this.drawn === 'far') return;
    this.realise(distance);
    this.drawEdges(distance);
    this.drawn = distance;
    this.fresh = false;
  }

  /** Have elements for the nodes in the region, and for the current one wherever it is. */
  realise(distance) {
    const [left, top, right, bottom] = this.region,
      { x, y } = this.placed,
      wanted = new Set();
    if (distance !== 'far') {
      for (let at = 0; at < this.nodes.length; at++)
        if (x[at] < right && x[at] + WIDTH > left && y[at] < bottom && y[at] + HEIGHT > top) wanted.add(at);
    }
    if (this.current !== null) wanted.add(this.current);
    const as = distance === 'far' ? 'mid' : distance,
      focused = this.svg.contains(document.activeElement);
    if (this.drawn !== distance || this.fresh) {
      this.shown.clear();
      this.near.replaceChildren();
    }
    for (const [at, node] of this.shown)
      if (!wanted.has(at)) {
        node.remove();
        this.shown.delete(at);
      }
    const made = document.createDocumentFragment();
    for (const at of wanted) {
      if (this.shown.has(at)) continue;
      const element = nodeElement(this.nodes[at], x[at], y[at], as);
      this.shown.set(at, element);
      this.mark(at, element);
      made.append(element);
    }
    this.near.append(made);
    this.far.toggleAttribute('hidden', distance !== 'far');
    this.far.setAttribute('display', distance === 'far' ? 'inline' : 'none');
    if (focused && this.current !== null && !this.svg.contains(document.activeElement))
      this.shown.get(this.current)?.focus({ preventScroll: true });
  }

  mark(at, element) {
    const is = at === this.current;
    element.setAttribute('tabindex', is ? '0' : '-1');
    if (is) element.setAttribute('aria-current', 'true');
    else element.removeAttribute('aria-current');
    element.classList.toggle('faded', this.dimmed && this.nodes[at].state === 'done');
  }

  drawEdges(distance) {
    const [left, top, right, bottom] = this.region,
      found = { plain: '', bad: '', crit: '', hi: '' };
    this.edges.forEach(([from, to], at) => {
      const [a, b, c, d] = this.ends[at];
      if (distance !== 'far' && (a > right || c < left || b > bottom || d < top)) return;
      const needed = this.nodes[from],
        needing = this.nodes[to];
      let kind = 'plain';
      if (from === this.current || to === this.current) kind = 'hi';
      else if (this.critical && this.onPath.has(`${needed.id}\n${needing.id}`)) kind = 'crit';
      else if (holdsBack(needed, needing)) kind = 'bad';
      found[kind] += this.paths[at];
    });
    for (const [kind, path] of Object.entries(found)) this.layers[kind].setAttribute('d', path);
  }

  drawFar() {
    const places = new Map();
    this.nodes.forEach((node, at) => {
      const key = this.dimmed && node.state === 'done' ? 'done faded' : node.state;
      if (!places.has(key)) places.set(key, []);
      places.get(key).push([this.placed.x[at], this.placed.y[at]]);
    });
    this.far.replaceChildren(
      ...[...places].map(([key, list]) =>
        s('path', { class: `lot s-${key}${INHERITED.has(key) ? ' hollow' : ''}`, d: farPath(list, key === 'failed') }),
      ),
    );
  }

  // -- what is told and asked from outside

  /** Change states of nodes in place: id → state. */
  setStates(states) {
    let changed = false;
    for (const [id, state] of states) {
      const at = this.place?.get(id);
      if (at === undefined || this.nodes[at].state === state) continue;
      this.nodes[at].state = state;
      changed = true;
    }
    if (changed) this.refresh();
  }

  setDimmed(dimmed) {
    this.dimmed = dimmed;
    this.refresh();
  }

  setCritical(critical) {
    this.critical = critical;
    this.refresh();
  }

  refresh() {
    if (!this.nodes) return;
    this.drawFar();
    this.fresh = true;
    this.redraw();
  }

  /** Make a node the current one; `focus` moves the keyboard there, and the view follows. */
  select(id, { focus = false, tell = true } = {}) {
    const at = this.place.get(id);
    if (at === undefined) return;
    const before = this.current;
    this.current = at;
    if (!this.shown.has(at)) this.realise(this.distance);
    for (const one of [before, at]) if (one !== null && this.shown.has(one)) this.mark(one, this.shown.get(one));
    if (before !== at) this.drawEdges(this.distance);
    if (focus) {
      this.reveal(at);
      this.shown.get(at)?.focus({ preventScroll: true });
    }
    if (tell && before !== at) this.told.onSelect(this.nodes[at]);
  }

  reveal(at) {
    const { k } = this.view,
      px = this.placed.x[at] * k + this.view.x,
      py = this.placed.y[at] * k + this.view.y,
      pad = 16;
    const dx = px < pad ? pad - px : Math.min(0, this.size.width - pad - px - WIDTH * k);
    const dy = py < pad ? pad - py : Math.min(0, this.size.height - pad - 40 - py - HEIGHT * k);
    if (dx || dy) {
      this.view.x += dx;
      this.view.y += dy;
      this.redraw();
    }
  }

  /** The node at a place of the screen, counted from the drawing's corner. */
  nodeAt(px, py) {
    const wx = (px - this.view.x) / this.view.k,
      wy = (py - this.view.y) / this.view.k,
      slack = 2 / this.view.k;
    return (
      this.nodes?.findIndex(
        (_, at) =>
          wx >= this.placed.x[at] - slack &&
          wx <= this.placed.x[at] + WIDTH + slack &&
          wy >= this.placed.y[at] - slack &&
          wy <= this.placed.y[at] + HEIGHT + slack,
      ) ?? -1
    );
  }

  // -- pointer, wheel, keys

  listen() {
    const { svg } = this;
    const at = (event) => {
      const box = this.element.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    svg.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), ...at(event));
      },
      { passive: false },
    );
    svg.addEventListener('pointerdown', (event) => {
      if (event.button) return;
      svg.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, at(event));
      this.moved = this.pointers.size > 1;
      this.from = at(event);
    });
    svg.addEventListener('pointermove', (event) => this.drag(event.pointerId, at(event)));
    svg.addEventListener('pointerup', (event) => {
      const known = this.pointers.delete(event.pointerId);
      if (known && !this.moved && !this.pointers.size) this.click(at(event), event.detail);
    });
    svg.addEventListener('pointercancel', (event) => this.pointers.delete(event.pointerId));
    svg.addEventListener('dblclick', (event) => {
      const hit = this.nodeAt(...at(event));
      if (hit >= 0) this.told.onOpen(this.nodes[hit]);
    });
    svg.addEventListener('keydown', (event) => this.key(event));
    this.sized = new ResizeObserver(() => {
      this.measure();
      this.fresh = true;
      this.redraw();
    });
    this.sized.observe(this.element);
  }

  drag(pointer, [px, py]) {
    const before = this.pointers.get(pointer);
    if (!before) return;
    if (!this.moved && Math.hypot(px - this.from[0], py - this.from[1]) < 4) return;
    this.moved = true;
    const other = [...this.pointers].find(([id]) => id !== pointer)?.[1];
    this.pointers.set(pointer, [px, py]);
    if (other) {
      const was = Math.hypot(before[0] - other[0], before[1] - other[1]),
        is = Math.hypot(px - other[0], py - other[1]);
      if (was > 0) this.zoom(is / was, (px + other[0]) / 2, (py + other[1]) / 2);
      return;
    }
    this.view.x += px - before[0];
    this.view.y += py - before[1];
    this.later();
  }

  click(place) {
    const hit = this.nodeAt(...place);
    if (hit < 0) return;
    if (hit === this.current && this.nodes[hit].kind === 'group') {
      this.told.onOpen(this.nodes[hit]);
      return;
    }
    this.select(this.nodes[hit].id);
    this.shown.get(hit)?.focus({ preventScroll: true });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.nodes) return;
    if (event.key === '+' || event.key === '=') this.zoom(1.25);
    else if (event.key === '-') this.zoom(0.8);
    else if (event.key === '0') this.fit();
    else if (event.key === 'Enter' && this.current !== null) this.told.onOpen(this.nodes[this.current]);
    else if (event.key === ' ' && this.current !== null) this.told.onSelect(this.nodes[this.current]);
    else if (event.key.startsWith('Arrow') && this.current !== null) {
      const next = this.towards(event.key.slice(5));
      if (next !== undefined) this.select(this.nodes[next].id, { focus: true });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The node that an arrow key leads to: along an edge, or the next one in the layer. */
  towards(way) {
    const { y, layer, x } = this.placed,
      here = this.current;
    const nearest = (list) => [...list].sort((a, b) => Math.abs(y[a] - y[here]) - Math.abs(y[b] - y[here]))[0];
    if (way === 'Left') return nearest(this.needs[here]);
    if (way === 'Right') return nearest(this.neededBy[here]);
    const down = way === 'Down',
      near = [];
    for (let at = 0; at < this.nodes.length; at++)
      if (at !== here && layer[at] === layer[here] && (down ? y[at] > y[here] : y[at] < y[here])) near.push(at);
    return near.sort(
      (a, b) => Math.abs(y[a] - y[here]) - Math.abs(y[b] - y[here]) || Math.abs(x[a] - x[here]) - Math.abs(x[b] - x[here]),
    )[0];
  }

  close() {
    this.sized.disconnect();
    clearTimeout(this.resting);
    if (this.frame) cancelAnimationFrame(this.frame);
  }
}
