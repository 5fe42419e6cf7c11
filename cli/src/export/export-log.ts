import { type CommitRecord, type EventLog, readRange } from '@parley/runtime';
import { rowsOf, UNREADABLE } from '../log/event-row.ts';
import type { Progress } from '../progress.ts';
import { Unavailable, UsageError } from '../run-command.ts';
import {
  type ExportState,
  finishedThrough,
  makeFolder,
  nameFinished,
  readState,
  unfinishedPath,
} from './export-folder.ts';
import { NdjsonPart } from './ndjson-part.ts';
import { ParquetPart } from './parquet-part.ts';
import type { Format, Part } from './part.ts';
import { withoutTexts } from './without-texts.ts';

export interface ExportOptions {
  log: EventLog;
  dir: string;
  format: Format;
  /** Sequence after which it begins; null = where the log does, or where an earlier run ended. */
  after: number | null;
  partEvents: number;
  withoutTexts: boolean;
  progress: Progress;
  signal: AbortSignal;
}

export interface Exported {
  /** By this run. */
  events: number;
  parts: number;
  /** Commits that cannot be read; each is a row that says why. */
  unreadable: number;
  /** The folder's parts hold every commit after `after` and up to `through`. */
  after: number;
  through: number;
  /** Where the log began when the export was: above 1, retention had removed what was before. */
  logBegins: number;
}

/**
 * Every event from where the folder ends to the log's head at the start, one row each, in parts of whole commits.
 * A part is in the folder whole or not at all, so that a run that was killed is gone on with by the next. Holds one
 * row group of one part in memory.
 */
export async function exportLog(options: ExportOptions): Promise<Exported> {
  const { log, dir, progress, signal } = options;
  const { first, last } = await log.bounds();
  const state = await openFolder(options, first);
  const through = await finishedThrough(dir, state);
  mustHold(first, through);
  const run = new ExportRun(options, state, through);
  const work = progress.start('exporting', Math.max(0, last - through), undefined, 'commits');
  try {
    for await (const batch of readRange(log, { after: through, until: last }, { signal })) {
      for (const record of batch) await run.take(record);
      work.advance(batch.length);
    }
    return await run.end(Math.max(through, last));
  } catch (error) {
    run.abandon();
    throw error;
  } finally {
    work.stop();
  }
}

async function openFolder(options: ExportOptions, first: number): Promise<ExportState> {
  const { log, dir, format } = options;
  const known = await readState(dir);
  const after = options.after ?? known?.after ?? first - 1;
  const state: ExportState = {
    export: 1,
    epoch: log.epoch,
    format,
    after,
    logBegins: known?.logBegins ?? first,
    withoutTexts: options.withoutTexts,
  };
  if (known === null) {
    mustHold(first, after);
    await makeFolder(dir, state);
    return state;
  }
  const differing = (Object.keys(state) as (keyof ExportState)[]).find((name) => state[name] !== known[name]);
  if (differing === undefined) return state;
  throw new UsageError(
    `${dir} holds an export with ${differing} ${known[differing]}, and this would be ${state[differing]}: ` +
      'give another folder.',
  );
}

/** A file with a hole in it would look whole. */
function mustHold(first: number, after: number): void {
  if (after + 1 >= first) return;
  throw new Unavailable(
    `The log begins at ${first}: what comes after ${after} is no longer in it. ` +
      'Export to another folder; older commits are in the archive.',
  );
}

class ExportRun {
  readonly #options: ExportOptions;
  readonly #state: ExportState;
  readonly #exported: Exported;
  #part: Part | null = null;
  #partEvents = 0;

  constructor(options: ExportOptions, state: ExportState, through: number) {
    this.#options = options;
    this.#state = state;
    this.#exported = {
      events: 0,
      parts: 0,
      unreadable: 0,
      after: state.after,
      through,
      logBegins: state.logBegins,
    };
  }

  async take(record: CommitRecord): Promise<void> {
    const rows = rowsOf(record);
    const kept = this.#options.withoutTexts ? rows.map(withoutTexts) : rows;
    this.#part ??= this.#newPart();
    await this.#part.write(kept, record.payload.length);
    this.#partEvents += rows.length;
    this.#exported.events += rows.length;
    if (rows[0]?.type === UNREADABLE) this.#exported.unreadable += 1;
    if (this.#partEvents >= this.#options.partEvents) await this.#finishPart(record.sequence);
  }

  async end(through: number): Promise<Exported> {
    if (this.#part) await this.#finishPart(through);
    return this.#exported;
  }

  abandon(): void {
    this.#part?.abandon();
  }

  #newPart(): Part {
    const path = unfinishedPath(this.#options.dir, this.#exported.through + 1);
    return this.#state.format === 'ndjson' ? new NdjsonPart(path) : new ParquetPart(path);
  }

  async #finishPart(last: number): Promise<void> {
    await this.#part?.finish();
    await nameFinished(this.#options.dir, this.#state, { first: this.#exported.through + 1, last });
    this.#part = null;
    this.#partEvents = 0;
    this.#exported.parts += 1;
    this.#exported.through = last;
  }
}
