import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Lines for whoever reads the output: waits for a slow reader, so that nothing piles up here, and notices one that left. */
export class LineOutput {
  readonly #stream: Writable;
  readonly #gone = new AbortController();

  constructor(stream: Writable) {
    this.#stream = stream;
    // `parley tail | head` closes the pipe: that is an end, no failure.
    stream.once('error', () => this.#gone.abort(new Error('nobody reads the output any more')));
  }

  /** Aborts when the reader has gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  async write(line: string): Promise<void> {
    this.#gone.signal.throwIfAborted();
    if (!this.#stream.write(`${line}\n`)) await once(this.#stream, 'drain', { signal: this.#gone.signal });
  }
}
