// Making elements. Data enters the page as text and attributes only, never as HTML.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Make an HTML element.
 * `props`: `class`, `text`, `dataset` (object), `onNAME` (listener), `style` (object, by the CSSOM), IDL names
 * for `value`, `checked`, `disabled`, `hidden`, `indeterminate`; anything else becomes an attribute (null and
 * false leave it out, true gives it no value, except for aria-*, which are written as words).
 * Children: nodes, texts, numbers, lists of them; null, undefined and false are left out.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...any} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Make an SVG element; as {@link h}. @returns {SVGElement} */
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

const OWN = new Set(['value', 'checked', 'disabled', 'hidden', 'indeterminate', 'selected']);

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name === 'class') node.setAttribute('class', value ?? '');
    else if (name === 'text') node.textContent = value ?? '';
    else if (name === 'dataset') Object.assign(node.dataset, value);
    else if (name === 'style') for (const [key, set] of Object.entries(value)) node.style.setProperty(key, set);
    else if (name.startsWith('on') && typeof value === 'function') node.addEventListener(name.slice(2).toLowerCase(), value);
    else if (OWN.has(name) && name in node) node[name] = value;
    else if (name.startsWith('aria-') && value !== null && value !== undefined) node.setAttribute(name, String(value));
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  add(node, children);
  return node;
}

/** Append children as {@link h} takes them. */
export function add(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
}

/** Replace all children of `node`. */
export function put(node, ...children) {
  node.replaceChildren();
  add(node, children);
  return node;
}

/** Set the text of `node` if it is another one, so that nothing is drawn for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** An icon of the sprite: `icon('i-retry')`. */
export function icon(id, cls = 'i') {
  return s('svg', { class: cls, viewBox: '0 0 16 16', 'aria-hidden': 'true' }, s('use', { href: `icons.svg#${id}` }));
}

/** A button: `button('Retry', fn, {icon: 'i-retry', class: 'sm primary', label, title, disabled})`. */
export function button(text, onclick, { icon: id, class: cls = '', label, title, ...props } = {}) {
  return h('button', { type: 'button', class: `b ${cls}`.trim(), 'aria-label': label ?? null, title: title ?? null, onclick, ...props },
    id ? icon(id) : null, text);
}

/** The first element for `selector` in `root`. */
export function find(selector, root = document) {
  return root.querySelector(selector);
}

/**
 * Make `node` look like `fresh` by changing what differs, so that focus, scroll and pointer stay where they are.
 * Children with a `data-key` are matched by it, others by their place. Listeners stay those of `node`: they must
 * not hold data of the moment they were made.
 */
export function morph(node, fresh) {
  if (node.nodeName !== fresh.nodeName || node.dataset?.key !== fresh.dataset?.key) {
    node.replaceWith(fresh);
    return;
  }
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== fresh.data) node.data = fresh.data;
    return;
  }
  morphAttributes(node, fresh);
  const keyed = new Map();
  for (const child of node.children) if (child.dataset?.key !== undefined) keyed.set(child.dataset.key, child);
  let at = node.firstChild;
  for (const child of [...fresh.childNodes]) {
    const known = child.dataset?.key === undefined ? undefined : keyed.get(child.dataset.key);
    if (known) {
      if (known !== at) node.insertBefore(known, at); else at = at.nextSibling;
      morph(known, child);
    } else if (at && at.dataset?.key === undefined && child.dataset?.key === undefined) {
      const next = at.nextSibling;
      morph(at, child);
      at = next;
    } else {
      node.insertBefore(child, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function morphAttributes(node, fresh) {
  for (const { name } of [...node.attributes]) if (!fresh.hasAttribute(name)) node.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  if (node.nodeName === 'INPUT' && node !== document.activeElement) {
    if (node.value !== fresh.value) node.value = fresh.value;
    node.checked = fresh.checked;
  }
}
