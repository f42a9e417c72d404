// The page's side of the Worker that lays graphs out: one job at a time, an older one is given up.
import { SIZES } from './graph-shapes.js';

/** dagre is not there: it is made by bin/vendor. */
export class Missing extends Error {}

export class Layouter {
  constructor() {
    this.jobs = 0;
  }

  /**
   * Lay out; see graph-layers.js for what comes back. Raises Missing without dagre.
   * @param {{nodes: {id: string}[], edges: [string, string][]}} graph
   */
  place(graph) {
    this.close();
    const job = ++this.jobs,
      place = new Map(graph.nodes.map((node, at) => [node.id, at]));
    this.worker = new Worker(new URL('./graph-layout.js', import.meta.url), { type: 'module' });
    return new Promise((resolve, reject) => {
      this.refuse = reject;
      this.worker.onmessage = ({ data }) => {
        if (data.job !== job) return;
        if (data.missing) reject(new Missing('The layout library is not installed.'));
        else resolve(data);
        this.end();
      };
      this.worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message || 'The layout could not be made.'));
        this.end();
      };
      this.worker.postMessage({
        job,
        count: graph.nodes.length,
        edges: graph.edges.map(([a, b]) => [place.get(a), place.get(b)]),
        sizes: SIZES,
      });
    });
  }

  end() {
    this.worker?.terminate();
    this.worker = undefined;
    this.refuse = undefined;
  }

  /** Give up what is being laid out. */
  close() {
    this.refuse?.(new DOMException('given up', 'AbortError'));
    this.end();
  }
}
