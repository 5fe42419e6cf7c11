import type { EventRow } from '../log/event-row.ts';

/** A file of rows that is being written. Nobody believes it before it has its final name. */
export interface Part {
  /** Rows of one commit, and about how much memory they take. Waits when the disk is slower than the log. */
  write(rows: readonly EventRow[], bytes: number): Promise<void>;
  /** All rows are in the file. */
  finish(): Promise<void>;
  /** The file is not wanted any more. */
  abandon(): void;
}

export type Format = 'ndjson' | 'parquet';
