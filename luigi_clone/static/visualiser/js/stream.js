// One stream of news for the page: shared by the shell and the view, mended when it breaks.

import { openStream, toSignIn } from './api.js';

const FIRST_WAIT = 1, LONGEST_WAIT = 30; // seconds
const SILENCE = 45; // seconds: a stream says at least every 15 that it is there

/**
 * Keeps the stream. `shell` is told: `state('wait' | 'on' | 'off', {since, next})`, `counts(data)`,
 * `back(lost)` when the contact is there again, with the counts from before.
 */
export class News {
  constructor(shell) {
    this._shell = shell;
    this._watches = new Set();
    this._stream = null;
    this._wait = FIRST_WAIT;
    this._timer = 0;
    this._due = 0;
    this._lost = false;
    this._rests = false;
    this._ended = false;
    /** Unix seconds of the server minus those of this machine. */
    this.skew = 0;
    /** When something was heard last, in seconds of this machine. */
    this.heard = Date.now() / 1000;
  }

  /**
   * Be told about a view: `{ids, query, topics}`. Handlers: `counts`, `tasks`, `changed`, `workers`, `resources`,
   * `hello`, and `back()` after contact was lost: reload then, and return (a promise of) how many rows changed.
   * @returns {() => void} ends it
   */
  watch(view, handlers) {
    const watch = { view, handlers };
    this._watches.add(watch);
    this._reopenSoon();
    return () => {
      if (this._watches.delete(watch)) this._reopenSoon();
    };
  }

  /** Try to connect now. */
  retry() {
    clearTimeout(this._timer);
    this._connect();
  }

  /** Give up a stream that says nothing any more: some connections break without a word. */
  check() {
    if (this._lost || this._ended || !this._stream || Date.now() / 1000 - this.heard < SILENCE) return;
    this._stream.close();
    this._lose(0);
  }

  /** Give the connection back while nobody looks: of all tabs together a browser opens but six to one server. */
  rest() {
    if (this._lost || this._ended) return;
    clearTimeout(this._timer);
    this._stream?.close();
    this._stream = null;
    this._rests = true;
  }

  /** Somebody looks again: go on, with what has changed meanwhile. */
  wake() {
    if (!this._rests) return;
    this.heard = Date.now() / 1000;
    this._connect();
  }

  /** End it for good. */
  close() {
    this._ended = true;
    clearTimeout(this._timer);
    this._stream?.close();
  }

  _reopenSoon() {
    if (this._lost || this._rests || this._ended) return;
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._connect(), 40);
  }

  _view() {
    const ids = new Set(), topics = new Set();
    let query;
    for (const { view } of this._watches) {
      for (const id of view.ids ?? []) if (ids.size < 500) ids.add(id);
      for (const topic of view.topics ?? []) topics.add(topic);
      if (view.query !== undefined) query = view.query;
    }
    return { ids: [...ids], ...(query === undefined ? {} : { query }), topics: [...topics] };
  }

  _connect() {
    if (this._ended) return;
    this._stream?.close();
    // a view that comes while the stream is open is told by the next one only: this one counts by other questions
    const watches = [...this._watches];
    const tell = (name, data) => {
      if (data.now) this.skew = data.now - Date.now() / 1000;
      for (const watch of watches) if (this._watches.has(watch)) watch.handlers[name]?.(data);
    };
    this._stream = openStream(this._view(), {
      hello: data => { tell('hello', data); this._found(); },
      counts: data => { tell('counts', data); this._shell.counts(data); },
      tasks: data => tell('tasks', data),
      changed: data => tell('changed', data),
      workers: data => tell('workers', data),
      resources: data => tell('resources', data),
      heard: () => { this.heard = Date.now() / 1000; },
      lost: status => this._lose(status),
    });
  }

  async _found() {
    this._wait = FIRST_WAIT;
    this._shell.state('on', {});
    const wasLost = this._lost;
    if (!wasLost && !this._rests) return;
    this._lost = this._rests = false;
    const told = await Promise.allSettled([...this._watches].map(({ handlers }) => handlers.back?.()));
    if (wasLost) this._shell.back(told.reduce((sum, one) => sum + (Number(one.value) || 0), 0));
  }

  _lose(status) {
    if (status === 401) { toSignIn('expired'); return; }
    this._lost = true;
    this._due = Date.now() + 1000 * this._wait;
    this._shell.state('off', { since: this.heard, due: this._due });
    this._timer = setTimeout(() => this._connect(), 1000 * this._wait);
    this._wait = Math.min(LONGEST_WAIT, this._wait * 2);
  }
}
