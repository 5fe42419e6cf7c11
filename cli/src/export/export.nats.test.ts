import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { type AsyncBuffer, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EventRow } from '../log/event-row.ts';
import { drafts, LogWriter, uuid } from '../log/testing/log-writer.ts';
import { openTestLog, type TestLog } from '../log/testing/open-test-log.ts';
import { silentProgress } from '../progress.ts';
import { type ExportOptions, exportLog } from './export-log.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const EVENTS_PER_COMMIT = 100;
const COMMITS = 400;
let place: TestLog;
let writer: LogWriter;

beforeAll(async () => {
  place = await openTestLog();
  writer = new LogWriter(place.log);
  await writer.commit(uuid(1), drafts.created('A room', 'ada', 'eve'));
  for (let commit = 0; commit < COMMITS; commit++) {
    const sent = Array.from({ length: EVENTS_PER_COMMIT }, (_, n) => {
      const ordinal = commit * EVENTS_PER_COMMIT + n + 1;
      return drafts.sent(ordinal, `text of ${ordinal} 👩‍🚀 ${'x'.repeat(n)}`, n % 2 ? 'ada' : 'ewé');
    });
    await writer.commit(uuid(1), ...sent);
  }
  await writer.reads({ conversationId: uuid(1), userId: 'eve', readOrdinal: 5 });
  await writer.own('eve', {
    type: 'message.scheduled',
    data: {
      scheduleId: uuid(50),
      conversationId: uuid(1),
      at: '2030-01-01T00:00:00.000Z',
      message: { body: 'text for later', format: 'plain' },
    } as never,
  });
  await writer.append('evt.00.conv.broken', Buffer.from('no JSON'));
}, 60_000);

afterAll(() => place?.close());

function options(dir: string, more: Partial<ExportOptions> = {}): ExportOptions {
  return {
    log: place.log,
    dir: join(place.dir, dir),
    format: 'ndjson',
    after: null,
    partEvents: 5_000,
    withoutTexts: false,
    progress: silentProgress,
    signal: new AbortController().signal,
    ...more,
  };
}

function partsIn(dir: string, suffix: string): string[] {
  const path = join(place.dir, dir);
  return readdirSync(path)
    .filter((name) => name.endsWith(suffix))
    .sort()
    .map((name) => join(path, name));
}

function ndjsonRows(dir: string): EventRow[] {
  return partsIn(dir, '.ndjson.gz').flatMap((path) => {
    const lines = gunzipSync(readFileSync(path)).toString('utf8').trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as EventRow);
  });
}

async function parquetRows(dir: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for (const path of partsIn(dir, '.parquet')) {
    const bytes = new Uint8Array(readFileSync(path));
    const file: AsyncBuffer = {
      byteLength: bytes.byteLength,
      slice: (start, end) => bytes.buffer.slice(start, end),
    };
    rows.push(...(await parquetReadObjects({ file })));
  }
  return rows;
}

/** As the NDJSON of it says it. */
function comparable(row: Record<string, unknown>): unknown {
  const plain = Object.entries(row).map(([name, value]) => {
    if (typeof value === 'bigint') return [name, Number(value)];
    return [name, value instanceof Date ? value.toISOString() : value];
  });
  return Object.fromEntries(plain);
}

test('every event is one row, in log order, and a commit that cannot be read is one too', async () => {
  const exported = await exportLog(options('all'));
  const rows = ndjsonRows('all');
  const total = 1 + COMMITS * EVENTS_PER_COMMIT + 3;
  expect(exported).toMatchObject({ events: total, unreadable: 1, after: 0, through: COMMITS + 4 });
  expect(rows).toHaveLength(total);
  expect(exported.parts).toBe(partsIn('all', '.ndjson.gz').length);
  const versions = rows.filter((row) => row.conversationId === uuid(1) && row.version !== null);
  expect(versions.filter((row) => row.aggregate === 'conversation').map((row) => row.version)).toEqual(
    Array.from({ length: total - 3 }, (_, n) => n + 1),
  );
  expect(rows.slice(-3).map(({ aggregate, type }) => [aggregate, type])).toEqual([
    ['reads', 'cursors.advanced'],
    ['user', 'message.scheduled'],
    ['conversation', 'parley.unreadable'],
  ]);
});

test('parquet read back is what the ndjson says', async () => {
  await exportLog(options('columns', { format: 'parquet', partEvents: 15_000 }));
  expect(partsIn('columns', '.parquet').length).toBeGreaterThan(1);
  const rows = await parquetRows('columns');
  expect(rows.map(comparable)).toEqual(ndjsonRows('all'));
});

test.each(['ndjson', 'parquet'] as const)(
  'an export to %s that was killed and run again gives the rows of one run',
  async (format) => {
    const suffix = format === 'ndjson' ? '.ndjson.gz' : '.parquet';
    const dir = `killed-${format}`;
    const flags = [
      '--format',
      format,
      '--to',
      join(place.dir, dir),
      '--part-events',
      '500',
      '--nats',
      place.url,
    ];
    const child = spawn(process.execPath, [MAIN, 'export', ...flags], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    await expect.poll(() => partsIn(dir, suffix).length, { interval: 2, timeout: 20_000 }).toBeGreaterThan(1);
    child.kill('SIGKILL');
    expect((await ended)[1]).toBe('SIGKILL');
    const left = partsIn(dir, suffix);
    // Whatever the kill left beside the whole parts is not believed.
    writeFileSync(join(place.dir, dir, '77.unfinished'), 'half a part');
    const exported = await exportLog(options(dir, { format, partEvents: 500 }));
    expect(exported.parts).toBeGreaterThan(0);
    expect(partsIn(dir, suffix).slice(0, left.length)).toEqual(left);
    expect(partsIn(dir, '.unfinished')).toEqual([]);
    const rows = format === 'ndjson' ? ndjsonRows(dir) : (await parquetRows(dir)).map(comparable);
    expect(rows).toEqual(ndjsonRows('all'));
  },
);

test('a second run with nothing new adds nothing, and what is appended later becomes a part', async () => {
  const first = await exportLog(options('later', { after: COMMITS }));
  const again = await exportLog(options('later'));
  expect(again).toMatchObject({ events: 0, parts: 0, through: first.through });
  const sequence = await writer.commit(uuid(2), drafts.created('New', 'ada'));
  expect(await exportLog(options('later'))).toMatchObject({ events: 1, parts: 1, through: sequence });
  expect(ndjsonRows('later').at(-1)).toMatchObject({ sequence, conversationId: uuid(2) });
});

test('without texts nothing that people wrote is in the files', async () => {
  await exportLog(options('bare', { withoutTexts: true, after: COMMITS - 1 }));
  const rows = ndjsonRows('bare');
  expect(rows.filter((row) => row.type === 'message.sent').length).toBeGreaterThan(0);
  expect(JSON.stringify(rows)).not.toMatch(/text of|text for later/);
  expect(rows.every((row) => row.body === null)).toBe(true);
});

test('a folder of another export, of something else or with a part missing is refused', async () => {
  await expect(exportLog(options('all', { format: 'parquet' }))).rejects.toThrow(/format ndjson/);
  await expect(exportLog(options('all', { withoutTexts: true }))).rejects.toThrow(/another folder/);
  await expect(exportLog(options('nats'))).rejects.toThrow(/not empty/);
  await exportLog(options('gap', { partEvents: 20_000 }));
  const [first = ''] = partsIn('gap', '.ndjson.gz');
  rmSync(first);
  await expect(exportLog(options('gap'))).rejects.toThrow(/no part from 1 on/);
});
