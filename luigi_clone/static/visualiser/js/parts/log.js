// The log of a task's attempts: live, followed, searched; of its lines only those in view are elements.
import { call } from '../api.js';
import { button, h, put, setText } from '../dom.js';
import { clock, number, plural } from '../words.js';
import { LogLines, MOST_LINES, MOST_SHOWN } from './log-lines.js';
import { saveFile } from './save.js';

const ROW = 20; // px, as in task.css
const SPARE = 12; // lines that are there above and below what is seen
const PIECE = 262_144;
const EVERY = 1000; // ms between questions while the task runs

export class LogView {
  /**
   * @param {string} taskId
   * @param {{attempt?: number|null, onAttempt?: (attempt: number|null) => void, announce: (text: string) => void, now: () => number}} app
   */
  constructor(taskId, app) {
    this.taskId = taskId;
    this.app = app;
    this.attempt = app.attempt ?? null;
    this.following = true;
    this.found = [];
    this.place = -1;
    this.rows = new Map();
    this.build();
    this.start();
  }

  build() {
    this.said = h('span', { class: 'dim' });
    this.seg = h('div', { class: 'seg', role: 'group', 'aria-label': 'Attempt whose log is shown', hidden: true });
    this.query = h('input', {
      class: 'field',
      type: 'search',
      placeholder: 'Find in log',
      'aria-label': 'Find in log',
      oninput: () => this.search(),
      onkeydown: (event) => this.queryKey(event),
    });
    this.hits = h('span', { class: 'hits dim', role: 'status' });
    this.toError = button('Error', () => this.jumpToError(), {
      icon: 'i-down',
      class: 'sm',
      title: 'Next error',
      label: 'Error: go to the next one',
    });
    this.follow = button('Follow', () => this.setFollowing(!this.following, true), { class: 'sm', 'aria-pressed': true });
    this.save = button('Save', () => saveFile(`${this.taskId}-${this.shownAttempt ?? 1}.log`, this.text.join('')), {
      class: 'sm hide-s',
    });
    this.list = h('ol');
    this.box = h('div', { class: 'log', tabindex: '0', role: 'log', 'aria-live': 'off', 'aria-label': 'Log' }, this.list);
    this.note = h('div', { class: 'lognote', hidden: true });
    this.element = h(
      'section',
      { class: 'card', 'aria-labelledby': 'h-log' },
      h(
        'header',
        { class: 'logbar' },
        h('h2', { id: 'h-log', text: 'Log' }),
        this.seg,
        this.said,
        h('div', { class: 'side' }, this.hits, this.query, this.toError, this.follow, this.save),
      ),
      this.note,
      this.box,
    );
    this.box.addEventListener('scroll', () => this.scrolled(), { passive: true });
    this.sized = new ResizeObserver(() => this.draw());
    this.sized.observe(this.box);
  }

  // -- asking

  start() {
    clearTimeout(this.timer);
    this.lines = new LogLines();
    this.text = [];
    this.offset = 0;
    this.holes = false;
    this.found = [];
    this.turn = (this.turn ?? 0) + 1;
    this.ask(this.turn);
  }

  /** Look for more now: the task has changed. */
  wake() {
    if (this.asking) {
      this.again = true;
      return;
    }
    clearTimeout(this.timer);
    this.ask(this.turn);
  }

  async ask(turn) {
    this.asking = true;
    this.again = false;
    let answer = null;
    try {
      do {
        answer = await call('task_log', { task_id: this.taskId, attempt: this.attempt, offset: this.offset, limit: PIECE });
        if (turn !== this.turn) return;
        // a new attempt has begun: the latest one is what is shown
        if (this.attempt === null && this.shownAttempt && answer.attempt !== this.shownAttempt) {
          this.shownAttempt = answer.attempt;
          this.start();
          return;
        }
        this.shownAttempt = answer.attempt;
        if (answer.truncated && answer.offset > this.offset) this.holes = true;
        this.offset = answer.next_offset;
        this.lines.add(answer.text);
        if (answer.text) this.text.push(answer.text);
        this.told(answer);
      } while (answer.text);
    } catch (error) {
      if (turn !== this.turn) return;
      if (!this.lines.size) this.explain('The log could not be loaded.', error.text);
    } finally {
      if (turn === this.turn) {
        this.asking = false;
        if (!this.closed && (this.again || !answer || answer.running))
          this.timer = setTimeout(() => this.ask(turn), document.hidden ? EVERY * 5 : EVERY);
      }
    }
  }

  told({ attempts, running, text }) {
    const known = attempts.some((each) => each.attempt === this.shownAttempt),
      several = attempts.length > 1 || !known ? attempts : [];
    const key = `${several.map((each) => each.attempt)} ${this.shownAttempt}`;
    if (key !== this.segKey) {
      this.segKey = key;
      this.seg.hidden = !several.length;
      put(
        this.seg,
        [...several]
          .reverse()
          .slice(0, 8)
          .map(({ attempt, worker }, at) =>
            h(
              'button',
              {
                type: 'button',
                'aria-pressed': attempt === this.shownAttempt,
                title: worker ? `on ${worker}` : '',
                'aria-label': `Attempt ${attempt}`,
                onclick: () => this.choose(attempt),
              },
              at ? String(attempt) : `Attempt ${attempt}`,
            ),
          ),
      );
      this.box.setAttribute('aria-label', this.shownAttempt ? `Log of attempt ${this.shownAttempt}` : 'Log');
    }
    const before = this.running;
    this.running = running;
    if (before && !running) this.endedAt = this.app.now();
    const size = this.lines.dropped + this.lines.size;
    setText(
      this.said,
      !attempts.length
        ? running
          ? 'waiting for the first line'
          : 'not captured'
        : `${running ? 'live' : this.endedAt ? `ended ${clock(this.endedAt)}` : 'ended'}, ${plural(size, 'line')}`,
    );
    for (const control of [this.query, this.toError, this.follow, this.save]) control.disabled = !size;
    if (!attempts.length) {
      if (running) this.explain('Nothing has been written yet.', 'Lines appear here within a second.');
      else
        this.explain(
          'No log is kept of this task.',
          'It has not run yet, it wrote nothing, the scheduler was started after it ran, or its worker keeps no logs: remove log_dir=none from [worker]. On the machine of the worker, `luigi logs --local` reads the files.',
        );
    } else if (!attempts.some((each) => each.attempt === this.shownAttempt)) {
      this.explain(`No log is kept of attempt ${this.shownAttempt}.`, 'Choose another one above.');
    } else if (this.holes)
      this.explain(
        '',
        'The beginning is not kept any more: the scheduler keeps the end of each log ([scheduler] task_log_size).',
      );
    else if (this.lines.dropped) this.explain('', `The page keeps the last ${number(MOST_LINES)} lines.`);
    else this.note.hidden = true;
    if (text) {
      if (this.query.value) this.search(true);
      this.draw();
      if (this.following) this.stick();
    } else this.draw();
  }

  explain(head, text) {
    this.note.hidden = false;
    put(this.note, head ? h('strong', { text: head }) : null, ' ', text);
    this.box.hidden = !!head && !this.lines.size;
  }

  choose(attempt) {
    this.attempt = attempt;
    this.shownAttempt = attempt;
    this.endedAt = undefined;
    this.setFollowing(true, false);
    this.start();
    this.app.onAttempt?.(attempt);
  }

  // -- drawing

  draw() {
    if (this.lines.size) this.box.hidden = false;
    const { scrollTop, clientHeight } = this.box,
      size = this.lines.size;
    const first = Math.max(0, Math.floor(scrollTop / ROW) - SPARE),
      last = Math.min(size, Math.ceil((scrollTop + clientHeight) / ROW) + SPARE);
    this.list.style.height = `${size * ROW}px`;
    this.list.style.paddingTop = `${first * ROW}px`;
    // a row stays as long as it says the same
    const look = `${this.turn} ${this.lines.dropped} ${this.query.value} ${this.place}`;
    if (look !== this.look) {
      this.look = look;
      this.rows.clear();
      this.list.replaceChildren();
    }
    for (const [at, { element, line }] of this.rows) {
      if (at >= first && at < last && line === this.lines.lines[at]) continue;
      element.remove();
      this.rows.delete(at);
    }
    let before = this.list.firstElementChild;
    for (let at = first; at < last; at++) {
      const known = this.rows.get(at);
      if (known) {
        before = known.element.nextElementSibling;
        continue;
      }
      const line = this.lines.lines[at],
        element = this.row(line, at);
      this.list.insertBefore(element, before);
      this.rows.set(at, { element, line });
    }
  }

  row({ time, level, text, kind }, at) {
    const cut = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}… (${number(text.length)} characters)` : text;
    return h(
      'li',
      {
        class: `${kind}${at === this.found[this.place] ? ' here' : ''}`.trim() || null,
        'aria-setsize': this.lines.size,
        'aria-posinset': at + 1,
      },
      h('span', { class: 'no', 'aria-hidden': 'true', text: number(this.lines.dropped + at + 1) }),
      h('time', { text: time }),
      h('span', { class: 'lv', text: level }),
      h('span', { class: 'msg' }, this.marked(cut)),
    );
  }

  marked(text) {
    const wanted = this.query.value.toLowerCase();
    if (!wanted) return text || ' ';
    const low = text.toLowerCase(),
      parts = [];
    let from = 0;
    for (let at = low.indexOf(wanted); at >= 0 && parts.length < 100; at = low.indexOf(wanted, from)) {
      parts.push(text.slice(from, at), h('mark', { text: text.slice(at, at + wanted.length) }));
      from = at + wanted.length;
    }
    return [...parts, text.slice(from)];
  }

  // -- following, searching

  stick() {
    this.draw();
    const before = this.box.scrollTop;
    this.box.scrollTop = this.box.scrollHeight;
    this.sticking = this.box.scrollTop !== before;
    this.draw();
  }

  setFollowing(on, told) {
    this.following = on;
    this.follow.setAttribute('aria-pressed', String(on));
    if (on && told) this.stick();
  }

  scrolled() {
    const atEnd = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < ROW + 4;
    if (this.sticking) {
      this.sticking = false;
      this.draw();
      return;
    }
    if (!atEnd && this.following) this.setFollowing(false, false);
    else if (atEnd && !this.following && this.running) this.setFollowing(true, false);
    this.draw();
  }

  show(at) {
    this.setFollowing(false, false);
    this.box.hidden = false;
    this.box.scrollTop = Math.max(0, at * ROW - this.box.clientHeight / 2 + ROW);
    this.draw();
  }

  search(more = false) {
    this.found = this.lines.find(this.query.value);
    if (!more) this.place = this.found.length ? 0 : -1;
    setText(
      this.hits,
      !this.query.value ? '' : this.found.length ? `${number(this.place + 1)} of ${number(this.found.length)}` : 'not found',
    );
    if (!more && this.place >= 0) this.show(this.found[0]);
    this.draw();
  }

  queryKey(event) {
    if (event.key === 'Escape' && this.query.value) {
      this.query.value = '';
      this.search();
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (event.key !== 'Enter' || !this.found.length) return;
    event.preventDefault();
    this.place = (this.place + (event.shiftKey ? -1 : 1) + this.found.length) % this.found.length;
    setText(this.hits, `${number(this.place + 1)} of ${number(this.found.length)}`);
    this.show(this.found[this.place]);
  }

  jumpToError() {
    const from = this.errorAt ?? -1,
      at = this.lines.nextError(from);
    if (at < 0) {
      this.app.announce('No error in this log');
      setText(this.hits, 'no error');
      return;
    }
    this.errorAt = at;
    this.show(at);
    this.app.announce(`Line ${at + 1}: ${this.lines.lines[at].text.slice(0, 200)}`);
  }

  close() {
    this.closed = true;
    this.turn++;
    clearTimeout(this.timer);
    this.sized.disconnect();
  }
}
