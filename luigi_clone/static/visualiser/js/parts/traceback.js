// What failed: frames of the user's code open, those of libraries folded and counted, the exception last.
import { button, h, icon } from '../dom.js';
import { plural } from '../words.js';
import { copyText } from './save.js';
import { readable } from './log-lines.js';

const WORKER = new Set(['luigi_clone', 'luigi']);

function frame({ file, line, name, source }) {
  const short = file.length > 90 ? `…${file.slice(-88)}` : file;
  return h(
    'div',
    { class: 'frame' },
    h(
      'span',
      { class: 'loc', title: file },
      readable(short),
      ':',
      h('b', { text: String(line) }),
      name ? [' in ', h('b', { text: readable(name) })] : null,
    ),
    source
      ? h(
          'span',
          { class: 'src' },
          source
            .split('\n')
            .map((text, at) => [
              h('i', { class: 'hit', text: at ? '' : String(line) }),
              h('span', { class: 'hit', text: readable(text) }),
            ]),
        )
      : null,
  );
}

function folded(frames) {
  const counts = new Map();
  for (const { package: name } of frames) counts.set(name, (counts.get(name) ?? 0) + 1);
  const names = [...counts.keys()].map((name) => (WORKER.has(name) ? 'the worker' : name));
  return h(
    'details',
    {},
    h(
      'summary',
      {},
      icon('i-chev', 'i chev'),
      `${plural(frames.length, 'frame')} of ${names.length > 3 ? `${names.slice(0, 2).join(', ')} and others` : names.join(' and ')}`,
    ),
    frames.map(frame),
  );
}

/** The frames in the order of the traceback, neighbours of libraries folded together. */
function grouped(frames) {
  const parts = [];
  let library = [];
  const flush = () => {
    if (library.length) parts.push(folded(library));
    library = [];
  };
  for (const each of frames) {
    if (each.before) {
      flush();
      parts.push(exception(each.before));
    }
    if (each.package) library.push(each);
    else {
      flush();
      parts.push(frame(each));
    }
  }
  flush();
  return parts;
}

function exception(text) {
  const told = readable(text ?? ''),
    split = /^([\w.]+)(: |$)/.exec(told);
  return h('p', { class: 'exc' }, split ? [h('b', { text: split[1] }), told.slice(split[1].length)] : told);
}

/**
 * @param {{text: string, frames: {file: string, line: number, name: string, source: string, package: string|null}[], exception: string}} error
 * @param {(text: string) => void} toast
 */
export function traceback(error, toast, { aside = '' } = {}) {
  const plain = !error.frames?.length;
  const copy = button(
    'Copy',
    async () =>
      toast(
        (await copyText(error.text)) ? 'Traceback copied' : 'The browser does not allow copying. Select the text and copy it.',
      ),
    { icon: 'i-copy', class: 'sm', label: 'Copy the traceback' },
  );
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'h-tb' },
    h(
      'header',
      {},
      h('h2', { id: 'h-tb', text: plain ? 'What it said' : 'Traceback' }),
      h('div', { class: 'side' }, aside ? h('span', { class: 'hide-s', text: aside }) : null, copy),
    ),
    plain
      ? h('pre', {
          class: 'tb plain',
          tabindex: '0',
          'aria-label': 'What it said',
          text: error.text.split('\n').map(readable).join('\n'),
        })
      : [
          h('div', { class: 'tb', tabindex: '0', role: 'group', 'aria-label': 'Frames of the traceback' }, grouped(error.frames)),
          exception(error.exception),
        ],
  );
}
