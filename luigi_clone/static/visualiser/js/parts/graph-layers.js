// A layered drawing in time that grows with the graph: for graphs too large, too deep or too wide for dagre.
// Layers by longest path, order by the mean of the neighbours, wide layers wrapped into blocks.

const SWEEPS = 6;
const LEAST_ROWS = 12; // layers are not wrapped below this
const SHAPE = 1.7; // width to height that wrapping aims at

/**
 * Place nodes 0…count-1.
 * @param {number} count
 * @param {[number, number][]} edges  pairs [from, to]; `from` comes to stand left of `to`
 * @param {{width: number, height: number, gapX: number, gapY: number}} sizes
 * @returns {{x: Float64Array, y: Float64Array, layer: Int32Array, layers: number, width: number, height: number}}
 */
export function placeInLayers(count, edges, sizes) {
  const out = Array.from({ length: count }, () => []),
    into = Array.from({ length: count }, () => []);
  for (const [from, to] of edges)
    if (from !== to) {
      out[from].push(to);
      into[to].push(from);
    }
  const layer = rank(count, out, into);
  const groups = [];
  for (let node = 0; node < count; node++) (groups[layer[node]] ??= []).push(node);
  order(groups, out, into);
  const placed = coordinates(groups, out, into, layer, sizes);
  const { x, y, blocks, width, height } = placed;
  return { x, y, width, height, bends: bendsOf(edges, layer, placed, blocks, sizes), layer, layers: groups.length };
}

/**
 * Where a layer is wrapped, its edges leave and enter it along the gaps between its rows. Per edge the points
 * between its ends, with the ends; undefined where nothing is wrapped.
 */
function bendsOf(edges, layer, { x, y }, blocks, { width, height, gapX, gapY }) {
  if (!blocks.some((block) => block.columns > 1)) return undefined;
  const turn = gapX * 0.2;
  return edges.map(([from, to]) => {
    const exit = blocks[layer[from]],
      entry = blocks[layer[to]];
    const points = [[x[from] + width, y[from] + height / 2]];
    if (exit.columns > 1 && x[from] + width < exit.right - 1) {
      const gap = y[from] + height + gapY / 2;
      points.push([x[from] + width + turn, gap], [exit.right, gap]);
    }
    if (entry.columns > 1 && x[to] > entry.left + 1) {
      const gap = y[to] + height + gapY / 2;
      points.push([entry.left, gap], [x[to] - turn, gap]);
    }
    points.push([x[to], y[to] + height / 2]);
    return points;
  });
}

function rank(count, out, into) {
  const layer = new Int32Array(count),
    missing = into.map((list) => list.length),
    seen = new Uint8Array(count),
    order = [];
  const ready = [];
  for (let node = 0; node < count; node++) if (!missing[node]) ready.push(node);
  let next = 0;
  while (order.length < count) {
    if (!ready.length) {
      // a cycle: the first node that is left goes first
      while (seen[next]) next++;
      ready.push(next);
    }
    const node = ready.pop();
    if (seen[node]) continue;
    seen[node] = 1;
    order.push(node);
    for (const to of out[node]) {
      if (seen[to]) continue;
      layer[to] = Math.max(layer[to], layer[node] + 1);
      if (--missing[to] === 0) ready.push(to);
    }
  }
  // what needs nothing stands next to what needs it, not at the far end
  for (const node of order.reverse()) {
    if (into[node].length || !out[node].length) continue;
    const nearest = Math.min(...firstOf(out[node]).map((to) => layer[to])) - 1;
    layer[node] = Math.max(layer[node], nearest);
  }
  const used = [...new Set(layer)].sort((a, b) => a - b),
    renumbered = new Map(used.map((old, at) => [old, at]));
  return layer.map((old) => renumbered.get(old));
}

const firstOf = (list) => list.slice(0, 1000); // Math.min takes arguments, of which there is a limit

function order(groups, out, into) {
  const place = [];
  const number = (group) =>
    group.forEach((node, at) => {
      place[node] = (at + 0.5) / group.length;
    });
  groups.forEach(number);
  const mean = (list) => list.reduce((sum, node) => sum + place[node], 0) / list.length;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const forth = sweep % 2 === 0,
      near = forth ? into : out;
    for (const group of forth ? groups : [...groups].reverse()) {
      const wanted = new Map(group.map((node) => [node, near[node].length ? mean(near[node]) : place[node]]));
      group.sort((a, b) => wanted.get(a) - wanted.get(b) || place[a] - place[b]);
      number(group);
    }
  }
}

function coordinates(groups, out, into, layer, { width, height, gapX, gapY }) {
  const count = layer.length,
    x = new Float64Array(count),
    y = new Float64Array(count),
    step = height + gapY;
  const rows = rowsOf(groups, { width, height, gapX, gapY });
  const tallest = Math.max(...groups.map((group) => Math.min(rows, group.length)));
  let left = 0;
  const blocks = [];
  groups.forEach((group, at) => {
    const columns = Math.ceil(group.length / rows),
      used = Math.ceil(group.length / columns);
    const top = ((tallest - used) * step) / 2;
    group.forEach((node, place) => {
      x[node] = left + (place % columns) * (width + gapX * 0.4);
      y[node] = top + Math.floor(place / columns) * step;
    });
    blocks.push({ columns, left, right: left + columns * (width + gapX * 0.4) - gapX * 0.4 });
    left += columns * (width + gapX * 0.4) - gapX * 0.4 + gapX + Math.min(120, group.length * 0.8) * (at < groups.length - 1);
  });
  const single = groups.filter((group) => group.length <= rows);
  for (let pass = 0; pass < 4; pass++)
    for (const group of pass % 2 ? [...single].reverse() : single) straighten(group, pass % 2 ? out : into, y, step);
  let top = Infinity,
    bottom = 0;
  for (const at of y) {
    top = Math.min(top, at);
    bottom = Math.max(bottom, at);
  }
  if (!count) top = 0;
  for (let node = 0; node < count; node++) y[node] -= top;
  return { x, y, blocks, width: Math.max(0, left - gapX), height: count ? bottom - top + height : 0 };
}

function rowsOf(groups, { width, height, gapX, gapY }) {
  const largest = Math.max(...groups.map((group) => group.length));
  for (let rows = LEAST_ROWS; rows < largest; rows = Math.ceil(rows * 1.1)) {
    const columns = groups.reduce((sum, group) => sum + Math.ceil(group.length / rows), 0);
    if (columns * (width + gapX * 0.6) <= SHAPE * rows * (height + gapY)) return rows;
  }
  return Math.max(largest, 1);
}

/** Move the nodes of a layer towards the mean of their neighbours, in their order and never closer than `step`. */
function straighten(group, near, y, step) {
  const wanted = group.map((node) =>
    near[node].length ? near[node].reduce((sum, other) => sum + y[other], 0) / near[node].length : y[node],
  );
  // blocks of nodes that touch move as one to the mean of what they want
  const blocks = [];
  wanted.forEach((want, at) => {
    let block = { sum: want - at * step, size: 1 };
    while (blocks.length && blocks.at(-1).sum / blocks.at(-1).size > block.sum / block.size) {
      const before = blocks.pop();
      block = { sum: before.sum + block.sum, size: before.size + block.size };
    }
    blocks.push(block);
  });
  let at = 0;
  for (const { sum, size } of blocks) for (let i = 0; i < size; i++, at++) y[group[at]] = sum / size + at * step;
}
