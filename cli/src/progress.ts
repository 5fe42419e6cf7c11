import type { Writable } from 'node:stream';
import { log, progress } from '@clack/prompts';

const EVERY_MS = 3_000;

/** Tells a person how far a command is. */
export interface Progress {
  /** One thing that happened or begins. */
  say(text: string): void;
  warn(text: string): void;
  /** Work of a known size, counted in `unit` when that does not go without saying; `detail` is asked when it is shown. */
  start(title: string, total: number, detail?: () => string, unit?: string): Work;
}

export interface Work {
  /** One more is done, or so many. */
  advance(by?: number): void;
  /** There is more to do than was thought, or less. */
  expect(total: number): void;
  stop(): void;
}

/**
 * On standard error, so that standard output holds results alone: a bar on a terminal, a line every three seconds
 * elsewhere. Work that ends early after `signal` has aborted says how far it came, not how long it took.
 */
export function createProgress(signal: AbortSignal): Progress {
  const output = process.stderr;
  return output.isTTY ? onTerminal(output, signal) : inLines((line) => output.write(`${line}\n`), signal);
}

export const silentProgress: Progress = {
  say: () => {},
  warn: () => {},
  start: () => ({ advance: () => {}, expect: () => {}, stop: () => {} }),
};

function onTerminal(output: Writable, signal: AbortSignal): Progress {
  return {
    say: (text) => log.step(text, { output }),
    warn: (text) => log.warn(text, { output }),
    start(title, total, detail = () => '', unit = '') {
      const pace = new Pace(title, { total, unit, detail });
      const bar = progress({ max: Math.max(1, total), size: 30, output });
      bar.start(title);
      let shown = 0;
      const show = (): void => {
        bar.advance(pace.done - shown, pace.text());
        shown = pace.done;
      };
      const timer = setInterval(show, 250);
      return {
        advance: (by) => pace.advance(by),
        expect: (total) => pace.expect(total),
        stop() {
          clearInterval(timer);
          show();
          bar.stop(pace.summary(signal.aborted));
        },
      };
    },
  };
}

export function inLines(print: (line: string) => void, signal: AbortSignal): Progress {
  return {
    say: print,
    warn: (text) => print(`! ${text}`),
    start(title, total, detail = () => '', unit = '') {
      const pace = new Pace(title, { total, unit, detail });
      const show = (): void => print(pace.text());
      const timer = setInterval(show, EVERY_MS);
      return {
        advance: (by) => pace.advance(by),
        expect: (total) => pace.expect(total),
        stop() {
          clearInterval(timer);
          print(pace.summary(signal.aborted));
        },
      };
    },
  };
}

/** Rate over the last seconds, so that the time left follows a change of pace. */
class Pace {
  done = 0;
  readonly #title: string;
  readonly #unit: string;
  readonly #detail: () => string;
  #total: number;
  readonly #started = performance.now();
  #marks: { at: number; done: number }[] = [{ at: this.#started, done: 0 }];

  constructor(title: string, { total, unit, detail }: { total: number; unit: string; detail: () => string }) {
    this.#title = title;
    this.#total = total;
    this.#unit = unit === '' ? '' : ` ${unit}`;
    this.#detail = detail;
  }

  advance(by = 1): void {
    this.done += by;
  }

  expect(total: number): void {
    this.#total = total;
  }

  text(): string {
    const rate = this.#rate();
    const left = rate > 0 ? `${number(Math.ceil((this.#total - this.done) / rate))} s left` : 'waiting';
    const percent = Math.floor((this.done / Math.max(1, this.#total)) * 100);
    return this.#line(`${percent} % (${this.#soFar()}), ${number(Math.round(rate))}/s, ${left}`);
  }

  /** The last line. */
  summary(aborted: boolean): string {
    if (aborted && this.done < this.#total) return this.#line(`stopped at ${this.#soFar()}`);
    const seconds = (performance.now() - this.#started) / 1_000;
    return this.#line(`${this.#soFar()} in ${seconds.toFixed(1)} s`);
  }

  #soFar(): string {
    return `${number(this.done)} of ${number(this.#total)}${this.#unit}`;
  }

  #line(text: string): string {
    const detail = this.#detail();
    return `${this.#title}: ${text}${detail === '' ? '' : `, ${detail}`}`;
  }

  #rate(): number {
    const now = { at: performance.now(), done: this.done };
    this.#marks.push(now);
    this.#marks = this.#marks.filter((mark) => now.at - mark.at < 10_000);
    const [first = now] = this.#marks;
    return now.at > first.at ? ((now.done - first.done) * 1_000) / (now.at - first.at) : 0;
  }
}

function number(value: number): string {
  return value.toLocaleString('en');
}
