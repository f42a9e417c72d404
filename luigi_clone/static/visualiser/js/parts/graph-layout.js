// The module Worker that lays graphs out, so that the page answers meanwhile.
// dagre draws what it can draw in about a second; larger graphs are placed by graph-layers.js.
import { placeInLayers } from './graph-layers.js';

const DAGRE = '../../../vendor/dagre.esm.js';
const HIGHEST = 20; // nodes in a layer: dagre wraps none
const MOST_NODES = 260,
  MOST_EDGES = 700,
  DEEPEST = 400;

let dagre = null;

async function load() {
  dagre ??= await import(DAGRE);
  return dagre.default?.graphlib ? dagre.default : dagre;
}

/** Lay out with dagre; see placeInLayers for the arguments. Adds `bends`, per edge the points it runs through. */
async function placeByDagre(count, edges, { width, height, gapX, gapY }) {
  const { graphlib, layout } = await load();
  const graph = new graphlib.Graph({ multigraph: false });
  graph.setGraph({
    rankdir: 'LR',
    nodesep: gapY,
    edgesep: gapY,
    ranksep: gapX,
    ranker: count > 120 ? 'tight-tree' : 'network-simplex',
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (let node = 0; node < count; node++) graph.setNode(String(node), { width, height });
  for (const [from, to] of edges) graph.setEdge(String(from), String(to));
  layout(graph);
  const x = new Float64Array(count),
    y = new Float64Array(count);
  for (let node = 0; node < count; node++) {
    const placed = graph.node(String(node));
    x[node] = placed.x - width / 2;
    y[node] = placed.y - height / 2;
  }
  const bends = edges.map(([from, to]) =>
    (graph.edge(String(from), String(to))?.points ?? []).map((point) => [point.x, point.y]),
  );
  const columns = [...new Set(x)].sort((a, b) => a - b),
    at = new Map(columns.map((left, place) => [left, place]));
  return {
    x,
    y,
    bends,
    layer: Int32Array.from(x, (left) => at.get(left)),
    layers: columns.length,
    width: graph.graph().width,
    height: graph.graph().height,
  };
}

/** How many nodes the largest layer has. */
function highest({ layer, layers }) {
  const counts = new Int32Array(layers);
  for (const at of layer) counts[at]++;
  return Math.max(...counts);
}

self.onmessage = async ({ data: { job, count, edges, sizes } }) => {
  const began = performance.now();
  try {
    await load();
  } catch {
    self.postMessage({ job, missing: true });
    return;
  }
  let placed = null;
  const quick = placeInLayers(count, edges, sizes);
  if (count <= MOST_NODES && edges.length <= MOST_EDGES && quick.layers <= DEEPEST && highest(quick) <= HIGHEST) {
    try {
      placed = await placeByDagre(count, edges, sizes);
    } catch {
      placed = null; // it gives up on some graphs that have cycles
    }
  }
  self.postMessage({ job, ...(placed ?? quick), by: placed ? 'dagre' : 'layers', took: performance.now() - began });
};
