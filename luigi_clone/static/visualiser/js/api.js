// The only module that talks to the scheduler.

const BASE = '../../api/';

/** What went wrong with a call. `status` is 0 when there was no answer; `text` is a sentence for people. */
export class ApiError extends Error {
  constructor(status, text, seconds = 0) {
    super(text);
    this.status = status;
    this.text = text;
    /** How long it took, in seconds. */
    this.seconds = seconds;
  }
}

let csrf = null;

async function request(name, method, args, signal) {
  const headers = {};
  let body;
  if (method === 'POST') {
    headers['Content-Type'] = 'application/x-www-form-urlencoded';
    body = `data=${encodeURIComponent(JSON.stringify(args))}`;
    if (csrf) headers['X-Luigi-CSRF'] = csrf;
  }
  const begun = performance.now();
  const took = () => (performance.now() - begun) / 1000;
  let answer;
  try {
    answer = await fetch(BASE + name, { method, headers, body, signal, credentials: 'same-origin' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'The scheduler could not be reached.', took());
  }
  if (answer.status === 401 && !location.pathname.endsWith('/signin.html')) {
    toSignIn();
    throw new ApiError(401, 'You are signed out.', took());
  }
  const text = await answer.text();
  if (!answer.ok) throw new ApiError(answer.status, said(answer, text, took()), took());
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(answer.status, `The answer to ${name} is not JSON.`, took());
  }
}

function said(answer, text, seconds) {
  const after = `The scheduler answered ${answer.status} after ${seconds < 0.95 ? 'less than 1' : Math.round(seconds)} s.`;
  const reason = /^\s*</.test(text) ? new DOMParser().parseFromString(text, 'text/html').querySelector('p')?.textContent : text;
  return reason?.trim() ? `${after} It says: ${reason.trim().slice(0, 500)}` : after;
}

/** Go to the sign-in page, and come back to this view from there. */
export function toSignIn(reason = '') {
  const query = new URLSearchParams({ back: `index.html${location.hash}` });
  if (reason) query.set('reason', reason);
  location.assign(`signin.html?${query}`);
}

/** Make a call that only reads; returns what stands under "response". */
export async function call(name, args = {}, { signal } = {}) {
  return (await request(name, 'POST', args, signal)).response;
}

/** Make a call that changes something. */
export async function act(name, args = {}) {
  return (await request(name, 'POST', args)).response;
}

/**
 * Make a changing call for each of many sets of arguments, few requests for all.
 * @returns {Promise<{response?: any, error?: any}[]>} what each came to
 */
export async function actEach(name, each) {
  const most = 500, all = [];
  for (let i = 0; i < each.length; i += most) {
    const calls = each.slice(i, i + most).map(args => ({ call: name, arguments: args }));
    const told = await request('batch', 'POST', { calls });
    all.push(...told.response);
  }
  return all;
}

/** Who looks at the page and what it may do; keeps the token that changes are sent with. */
export async function session() {
  const told = await request('session', 'GET');
  const answer = told.response ?? told;
  csrf = answer.csrf ?? null;
  return answer;
}

/** Sign in with an access token. */
export async function signIn(token) {
  return request('sign_in', 'POST', { token });
}

/** Sign out here. */
export async function signOut() {
  return request('sign_out', 'POST', {});
}

/**
 * Open the stream of news for a view. `handlers` are called by event name with the data; `heard()` when anything
 * came, also to say that nothing is new; `lost(status)` when it ends, with the status of a refusal or 0. The view is sent as a body: the ids in it are more than an address
 * may hold behind some proxies, which is why this is no EventSource.
 * @returns {{close(): void}}
 */
export function openStream(view, handlers) {
  const ended = new AbortController();
  read(view, handlers, ended.signal).then(status => { if (!ended.signal.aborted) handlers.lost?.(status); });
  return { close: () => ended.abort() };
}

/** Read a stream to its end; the status of a refusal, 0 otherwise. */
async function read(view, handlers, signal) {
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'text/event-stream', ...(csrf ? { 'X-Luigi-CSRF': csrf } : {}) };
  try {
    const answer = await fetch(`${BASE}stream`, { method: 'POST', headers, body: `data=${encodeURIComponent(JSON.stringify({ view }))}`, signal, credentials: 'same-origin' });
    if (!answer.ok) return answer.status;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done || signal.aborted) return 0;
      handlers.heard?.();
      const events = (rest + value).split('\n\n');
      rest = events.pop();
      for (const event of events) if (!signal.aborted) hand(event, handlers);
    }
  } catch {
    return 0; // the contact broke; or the page gave the stream up
  }
}

function hand(event, handlers) {
  let name = '', data = '';
  for (const line of event.split('\n')) {
    if (line.startsWith('event: ')) name = line.slice(7);
    else if (line.startsWith('data: ')) data += line.slice(6);
  }
  if (!name || !data) return;
  try {
    handlers[name]?.(JSON.parse(data));
  } catch (error) {
    reportError(error); // a mistake in what is shown is no loss of contact
  }
}
