// The address is the view: `#/tasks?q=status%3Afailed&page=2`.

export const VIEWS = ['overview', 'tasks', 'task', 'graph', 'timeline', 'workers', 'history'];

/** The view and its parameters that the address names. @returns {{view: string, params: Record<string, string>}} */
export function read(hash = location.hash) {
  const old = translateOld(hash);
  if (old !== null) {
    history.replaceState(null, '', old);
    return read(old);
  }
  const found = /^#\/([a-z]+)(?:\?(.*))?$/s.exec(hash);
  if (!found || !VIEWS.includes(found[1])) return { view: 'overview', params: {} };
  return { view: found[1], params: Object.fromEntries(new URLSearchParams(found[2] ?? '')) };
}

/** The address of a view; parameters that are null, undefined, false or '' are left out. */
export function href(view, params = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === false || value === '') continue;
    query.set(name, value === true ? '1' : String(value));
  }
  const text = query.toString();
  return `#/${view}${text ? `?${text}` : ''}`;
}

/** Show a view. `replace` leaves no step to go back to: for what changes while somebody types. */
export function go(view, params = {}, { replace = false } = {}) {
  const to = href(view, params);
  if (to === location.hash) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', to);
  dispatchEvent(new Event('hashchange'));
}

const OLD_KEYS = ['tab', 'length', 'search__search', 'family', 'statuses', 'order', 'filterOnServer', 'taskId', 'hideDone', 'invert', 'visType', 'resources'];
const OLD_CATEGORIES = {
  PENDING: 'ready,pending', RUNNING: 'running', BATCH_RUNNING: 'batch', DONE: 'done', FAILED: 'failed',
  UPSTREAM_FAILED: 'upfailed', DISABLED: 'disabled', UPSTREAM_DISABLED: 'updisabled',
};
const OLD_COLUMNS = ['state', 'family', 'family', 'priority', 'updated'];

/** Quote a value of a query if it has to be. */
export function quoted(value) {
  return /^[^\s",:<>=*()-][^\s",:<>=*]*$/.test(value) ? value : `"${value.replaceAll('"', '')}"`;
}

/**
 * The address for a hash as Luigi's page writes it (`#tab=graph&taskId=…`), or null if it is none.
 * @param {string} hash
 * @returns {string | null}
 */
export function translateOld(hash) {
  const text = hash.replace(/^#!?/, '');
  if (!text || text.startsWith('/')) return null;
  const old = Object.fromEntries(new URLSearchParams(text));
  if (!OLD_KEYS.some(key => key in old)) return null;
  if (old.tab === 'graph' || (!old.tab && old.taskId)) {
    return href('graph', { id: old.taskId, direction: old.invert === '1' ? 'needed_by' : '', hide_done: old.hideDone === '1' });
  }
  if (old.tab === 'workers') return href('workers');
  if (old.tab === 'resources' || old.tab === 'resource') return href('workers', { show: 'resources' });
  const query = [];
  const states = parsed(old.statuses).map(name => OLD_CATEGORIES[name]).filter(Boolean);
  if (states.length) query.push(`status:${states.join(',')}`);
  if (old.family) query.push(`family:${quoted(old.family)}`);
  if (old.search__search) query.push(...old.search__search.split(/\s+/).filter(Boolean).map(quoted));
  const [column, way] = (old.order ?? '').split(',');
  return href('tasks', { q: query.join(' '), sort: OLD_COLUMNS[column] ?? '', desc: way === 'desc', rows: old.length });
}

function parsed(text) {
  try {
    const value = JSON.parse(text ?? '[]');
    return Array.isArray(value) ? value.map(String) : [];
  } catch {
    return [];
  }
}
