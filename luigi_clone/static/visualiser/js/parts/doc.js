// A docstring as a tree of plain nodes → elements. Text only ever enters as text.
import { h } from '../dom.js';

const TAGS = {
  p: 'p',
  em: 'em',
  strong: 'strong',
  code: 'code',
  pre: 'pre',
  ul: 'ul',
  ol: 'ol',
  li: 'li',
  h: 'h3',
  dl: 'dl',
  dt: 'dt',
  dd: 'dd',
  quote: 'blockquote',
};
const DEEPEST = 40;

/** Tell whether a link may be followed: http, https and mailto, nothing that runs. */
export function safeLink(href) {
  if (typeof href !== 'string') return null;
  try {
    const url = new URL(href);
    return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * @param {{t: string, text?: string, href?: string, c?: any[]}[]} nodes
 * @returns {Node[]}
 */
export function docNodes(nodes, depth = 0) {
  if (!Array.isArray(nodes) || depth > DEEPEST) return [];
  return nodes.map((node) => {
    const inner = [...(node.text ? [document.createTextNode(node.text)] : []), ...docNodes(node.c, depth + 1)];
    if (node.t === 'a') {
      const href = safeLink(node.href);
      return href
        ? h('a', { href, rel: 'noopener noreferrer', target: '_blank', class: 'link' }, ...inner)
        : h('span', {}, ...inner);
    }
    const tag = TAGS[node.t];
    if (!tag) return h('span', {}, ...inner);
    return h(tag, tag === 'pre' ? { tabindex: '0' } : {}, ...inner);
  });
}
