// Copy to the clipboard, also where the browser offers no clipboard because the page came without TLS.

import { h } from '../dom.js';
import { toast } from './toast.js';

/** Copy `text` and say `said`. */
export async function copy(text, said = 'Copied') {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (!copyBySelection(text)) { toast('The browser did not allow to copy. Select the text and press Ctrl C.'); return; }
  }
  toast(said);
}

function copyBySelection(text) {
  const area = h('textarea', { class: 'vh', readonly: true, 'aria-hidden': 'true', value: text });
  const had = document.activeElement;
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  had?.focus();
  return done;
}
