import { type BasicType, fileWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import type { EventRow } from '../log/event-row.ts';
import type { Part } from './part.ts';

/** A row group is held in memory until it is written: whichever comes first. */
const GROUP_ROWS = 20_000;
const GROUP_BYTES = 16 * 1024 * 1024;

interface Column {
  name: keyof EventRow;
  type: BasicType;
  nullable: boolean;
  value: (row: EventRow) => unknown;
  /** Least and greatest value of each row group; of texts they would be whole texts in the file's footer. */
  statistics?: false;
}

type NameOf<T> = { [K in keyof EventRow]: EventRow[K] extends T ? K : never }[keyof EventRow];

const text = (name: NameOf<string>): Column => ({
  name,
  type: 'STRING',
  nullable: false,
  value: (row) => row[name],
});
const maybeText = (name: NameOf<string | null>): Column => ({
  name,
  type: 'STRING',
  nullable: true,
  value: (row) => row[name],
});
const maybeCount = (name: 'version' | 'ordinal'): Column => ({
  name,
  type: 'INT64',
  nullable: true,
  value: (row) => (row[name] === null ? null : BigInt(row[name])),
});
/** Null when what the log says is no time. */
const moment = (name: 'time' | 'storedAt'): Column => ({
  name,
  type: 'TIMESTAMP',
  nullable: true,
  value: (row) => dateOrNull(row[name]),
});

const columns: readonly Column[] = [
  { name: 'sequence', type: 'INT64', nullable: false, value: (row) => BigInt(row.sequence) },
  maybeCount('version'),
  maybeCount('ordinal'),
  text('eventId'),
  text('type'),
  text('aggregate'),
  text('aggregateId'),
  maybeText('conversationId'),
  maybeText('userId'),
  text('actor'),
  moment('time'),
  moment('storedAt'),
  maybeText('commandId'),
  maybeText('messageId'),
  { ...maybeText('body'), statistics: false },
  { name: 'data', type: 'JSON', nullable: false, value: (row) => row.data, statistics: false },
];

/** Columns with their types; times are UTC in milliseconds, `data` is JSON. */
export class ParquetPart implements Part {
  readonly #writer: ParquetWriter;
  #rows: EventRow[] = [];
  #bytes = 0;

  constructor(path: string) {
    const columnData = columns.map(({ name, type, nullable }) => ({ name, type, nullable, data: [] }));
    this.#writer = new ParquetWriter({
      writer: fileWriter(path),
      schema: schemaFromColumnData({ columnData }),
      createdBy: 'parley',
    });
  }

  async write(rows: readonly EventRow[], bytes: number): Promise<void> {
    this.#rows.push(...rows);
    this.#bytes += bytes;
    if (this.#rows.length >= GROUP_ROWS || this.#bytes >= GROUP_BYTES) await this.#writeGroup();
  }

  async finish(): Promise<void> {
    if (this.#rows.length > 0) await this.#writeGroup();
    await this.#writer.finish();
  }

  abandon(): void {
    this.#rows = [];
  }

  async #writeGroup(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    this.#bytes = 0;
    const columnData = columns.map(({ name, value, statistics }) => ({
      name,
      data: rows.map(value),
      ...(statistics === undefined ? {} : { statistics }),
    }));
    await this.#writer.write({ columnData, rowGroupSize: rows.length });
  }
}

function dateOrNull(time: string): Date | null {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? null : date;
}
