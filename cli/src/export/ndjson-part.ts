import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { EventRow } from '../log/event-row.ts';
import { safeJson } from '../log/printable.ts';
import type { Part } from './part.ts';

/** One JSON object a line, packed. */
export class NdjsonPart implements Part {
  readonly #gzip = createGzip();
  readonly #written: Promise<void>;

  constructor(path: string) {
    this.#written = pipeline(this.#gzip, createWriteStream(path));
    // A full disk is told by the write that waits for it, or by `finish`.
    this.#written.catch(() => undefined);
  }

  async write(rows: readonly EventRow[]): Promise<void> {
    const text = rows.map((row) => `${safeJson(row)}\n`).join('');
    if (!this.#gzip.write(text)) await Promise.race([once(this.#gzip, 'drain'), this.#written]);
  }

  async finish(): Promise<void> {
    this.#gzip.end();
    await this.#written;
  }

  abandon(): void {
    this.#gzip.destroy();
  }
}
