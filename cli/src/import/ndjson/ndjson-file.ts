import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { UsageError } from '../../run-command.ts';
import { fieldFault } from '../field-fault.ts';
import type { ImportSource, Round } from '../import-source.ts';
import type { Item, SkippedItem } from '../item.ts';
import { refuseUnknown } from '../refuse-unknown.ts';
import { type NdjsonLine, ndjsonLineSchema } from './ndjson-line.ts';
import { NdjsonRoom, RoomFault, type RoomOptions } from './ndjson-room.ts';
import { LONGEST_LINE_BYTES, type NumberedLine, readLines } from './read-lines.ts';

/** A round: rooms are played side by side within it. */
const LINES_AT_ONCE = 50_000;
const BYTES_AT_ONCE = 32 * 1024 * 1024;

export interface NdjsonOptions extends RoomOptions {
  only: readonly string[];
  /** What `-` stands for. */
  input: Readable;
}

/** Rejects with UsageError when the file is not there. */
export async function openNdjson(file: string, options: NdjsonOptions): Promise<ImportSource> {
  if (file !== '-') {
    await access(file).catch(() => {
      throw new UsageError(`${file}: there is no such file.`);
    });
  }
  return {
    people: [],
    rereadable: file !== '-',
    rounds: () => new NdjsonFile(file, options).rounds(),
    close: () => Promise.resolve(),
  };
}

class NdjsonFile {
  readonly #file: string;
  readonly #options: NdjsonOptions;
  readonly #rooms = new Map<string, NdjsonRoom | 'unknown'>();
  /** Of all its rooms, also those that are not asked for. */
  readonly #names = new Set<string>();
  readonly #begun = new Set<NdjsonRoom>();
  #round = new Map<NdjsonRoom, Item[]>();
  #skipped: SkippedItem[] = [];

  constructor(file: string, options: NdjsonOptions) {
    this.#file = file;
    this.#options = options;
  }

  async *rounds(): AsyncGenerator<Round> {
    let [lines, bytes, any] = [0, 0, false];
    for await (const line of readLines(this.#bytes())) {
      any = true;
      const taken = this.#take(line);
      if (taken !== null) {
        const place = `${this.#file}:${line.number}`;
        this.#skipped.push({ kind: 'skipped', place, reason: taken, loss: true });
      }
      lines++;
      bytes += line.text?.length ?? 0;
      if (lines < LINES_AT_ONCE && bytes < BYTES_AT_ONCE) continue;
      yield this.#end([...this.#round.keys()], false);
      [lines, bytes] = [0, 0];
    }
    if (!any) throw new UsageError(`${this.#file}: there are no lines.`);
    yield this.#end(this.#allRooms(), true);
    refuseUnknown(this.#options.only, this.#names);
  }

  #end(rooms: readonly NdjsonRoom[], last: boolean): Round {
    const jobs = rooms.map((room) => {
      const first = !this.#begun.has(room);
      this.#begun.add(room);
      return { script: room.script, items: this.#round.get(room) ?? [], first, last };
    });
    const skipped = this.#skipped;
    this.#round = new Map();
    this.#skipped = [];
    return { jobs, skipped };
  }

  #allRooms(): NdjsonRoom[] {
    return [...this.#rooms.values()].filter((room) => room !== 'unknown');
  }

  /** Why the line cannot be taken, or null. */
  #take({ number, text }: NumberedLine): string | null {
    if (text === null) return `longer than ${LONGEST_LINE_BYTES} bytes`;
    const value = parseJson(text);
    if (value === undefined) return 'not JSON';
    const parsed = ndjsonLineSchema.safeParse(value);
    if (!parsed.success) {
      this.#distrust(value);
      return fieldFault(value, parsed.error);
    }
    const line = parsed.data;
    const { only } = this.#options;
    this.#names.add(line.room);
    if (only.length > 0 && !only.includes(line.room)) return null;
    const room = this.#roomOf(line);
    if (typeof room === 'string') return room;
    const items = this.#round.get(room) ?? [];
    items.push(...room.itemsOf(line, `${this.#file}:${number}`));
    this.#round.set(room, items);
    return null;
  }

  /** A room whose first line cannot be read might be private: it is not made as a channel because of the second one. */
  #distrust(value: unknown): void {
    const room = (value as { room?: unknown } | null)?.room;
    if (typeof room === 'string' && !this.#rooms.has(room)) this.#rooms.set(room, 'unknown');
  }

  #roomOf(line: NdjsonLine): NdjsonRoom | string {
    const known = this.#rooms.get(line.room);
    if (known === 'unknown') return 'the first line of its room cannot be read';
    if (known) return known;
    try {
      const room = new NdjsonRoom(line, this.#options);
      this.#rooms.set(line.room, room);
      return room;
    } catch (error) {
      if (!(error instanceof RoomFault)) throw error;
      this.#rooms.set(line.room, 'unknown');
      return error.message;
    }
  }

  async *#bytes(): AsyncGenerator<Buffer> {
    const source = this.#file === '-' ? this.#options.input : createReadStream(this.#file);
    const plain = this.#file.endsWith('.gz') ? createGunzip() : new PassThrough();
    // A fault of either reaches whoever reads.
    pipeline(source, plain, () => {});
    try {
      yield* plain as AsyncIterable<Buffer>;
    } catch (error) {
      throw new UsageError(`${this.#file}: ${(error as Error).message}`);
    } finally {
      source.destroy();
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
