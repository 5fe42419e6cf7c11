import type { Writable } from 'node:stream';
import { log, progress } from '@clack/prompts';

const EVERY_MS = 3_000;

/** Tells a person how far a command is. */
export interface Progress {
  /** One thing that happened or begins. */
  say(text: string): void;
  warn(text: string): void;
  /** Work of a known size; `detail` is asked when it is shown. */
  start(title: string, total: number, detail?: () => string): Work;
}

export interface Work {
  /** One more is done, or so many. */
  advance(by?: number): void;
  /** There is more to do than was thought, or less. */
  expect(total: number): void;
  stop(): void;
}

/** On standard error, so that standard output holds results alone: a bar on a terminal, a line every three seconds elsewhere. */
export function createProgress(): Progress {
  const output = process.stderr;
  return output.isTTY ? onTerminal(output) : inLines((line) => output.write(`${line}\n`));
}

export const silentProgress: Progress = {
  say: () => {},
  warn: () => {},
  start: () => ({ advance: () => {}, expect: () => {}, stop: () => {} }),
};

function onTerminal(output: Writable): Progress {
  return {
    say: (text) => log.step(text, { output }),
    warn: (text) => log.warn(text, { output }),
    start(title, total, detail = () => '') {
      const pace = new Pace(total);
      const bar = progress({ max: Math.max(1, total), size: 30, output });
      bar.start(title);
      let shown = 0;
      const show = (): void => {
        const message = `${title}: ${pace.text()} ${detail()}`;
        bar.advance(pace.done - shown, message);
        shown = pace.done;
      };
      const timer = setInterval(show, 250);
      return {
        advance: (by) => pace.advance(by),
        expect: (total) => pace.expect(total),
        stop() {
          clearInterval(timer);
          show();
          bar.stop(`${title}: ${pace.summary()} ${detail()}`);
        },
      };
    },
  };
}

function inLines(print: (line: string) => void): Progress {
  return {
    say: print,
    warn: (text) => print(`! ${text}`),
    start(title, total, detail = () => '') {
      const pace = new Pace(total);
      const show = (): void => print(`${title}: ${pace.text()} ${detail()}`);
      const timer = setInterval(show, EVERY_MS);
      return {
        advance: (by) => pace.advance(by),
        expect: (total) => pace.expect(total),
        stop() {
          clearInterval(timer);
          print(`${title}: ${pace.summary()} ${detail()}`);
        },
      };
    },
  };
}

/** Rate over the last seconds, so that the time left follows a change of pace. */
class Pace {
  done = 0;
  #total: number;
  readonly #started = performance.now();
  #marks: { at: number; done: number }[] = [{ at: this.#started, done: 0 }];

  constructor(total: number) {
    this.#total = total;
  }

  advance(by = 1): void {
    this.done += by;
  }

  expect(total: number): void {
    this.#total = total;
  }

  text(): string {
    const rate = this.#rate();
    const left = rate > 0 ? `${Math.ceil((this.#total - this.done) / rate)} s left` : 'waiting';
    const percent = Math.floor((this.done / Math.max(1, this.#total)) * 100);
    return `${percent} % (${this.done} of ${this.#total}), ${Math.round(rate)}/s, ${left}`;
  }

  summary(): string {
    const seconds = (performance.now() - this.#started) / 1_000;
    return `${this.done} of ${this.#total} in ${seconds.toFixed(1)} s`;
  }

  #rate(): number {
    const now = { at: performance.now(), done: this.done };
    this.#marks.push(now);
    this.#marks = this.#marks.filter((mark) => now.at - mark.at < 10_000);
    const [first = now] = this.#marks;
    return now.at > first.at ? ((now.done - first.done) * 1_000) / (now.at - first.at) : 0;
  }
}
