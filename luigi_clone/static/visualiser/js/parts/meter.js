// Bars of how much of something is used, and cells of slots.

import { h, s } from '../dom.js';
import { number } from '../words.js';

/** A bar; amber when it is full. Without `label` it is decoration beside its words. */
export function meter(used, total, { cls = '', label = null } = {}) {
  const full = total > 0 && used >= total;
  const width = total > 0 ? Math.min(100, (100 * used) / total) : used > 0 ? 100 : 0;
  const props = label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': 'true' };
  return s('svg', { class: `meter ${cls}${full ? ' full' : ''}`.replace(/\s+/g, ' ').trim(), viewBox: '0 0 100 8', preserveAspectRatio: 'none', ...props },
    s('rect', { width: width.toFixed(1), height: 8 }));
}

/** Progress of a running task as a bar with its number; `–` when none is told. */
export function progress(value) {
  if (value === null || value === undefined) return h('span', { class: 'dim', text: '–' });
  const share = Math.max(0, Math.min(100, value));
  return h('span', {}, s('svg', { class: 'prog s-running', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    s('rect', { width: share, height: 8 })), ` ${number(Math.round(share))} %`);
}

const MOST_CELLS = 12;

/** One cell a slot: busy, free, or out of use; many slots are a bar. */
export function slots(busy, total, { off = false } = {}) {
  const label = `${number(busy)} of ${number(total)} slots busy`;
  if (total > MOST_CELLS) return meter(busy, total, { cls: 'cells', label });
  const cells = Array.from({ length: Math.max(busy, total) }, (_, i) => h('i', { class: i < busy ? 'slot on s-running' : off ? 'slot off' : 'slot' }));
  return h('span', { class: 'slots', role: 'img', 'aria-label': label }, cells);
}
