// A section of a page with its heading.

import { h } from '../dom.js';

/** A card: `name` is its heading (text or a link), `side` what stands at the right of it. `id` names it. */
export function card(id, name, side, ...content) {
  return h('section', { class: 'card', id, 'aria-labelledby': `${id}-h`, dataset: { key: id } },
    h('header', {}, h('h2', { id: `${id}-h` }, name), side ? h('div', { class: 'side' }, side) : null), content);
}
