import type { LogRange } from '@parley/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EventFilter } from '../log/event-filter.ts';
import type { EventRow } from '../log/event-row.ts';
import { drafts, LogWriter, uuid } from '../log/testing/log-writer.ts';
import { openTestLog, type TestLog } from '../log/testing/open-test-log.ts';
import { tail } from './tail.ts';

const rooms = [uuid(1), uuid(2), uuid(3)];
let place: TestLog;
let writer: LogWriter;
const never = new AbortController().signal;

beforeAll(async () => {
  place = await openTestLog();
  writer = new LogWriter(place.log);
  for (const room of rooms) await writer.commit(room, drafts.created('A room', 'ada', 'eve'));
  for (let n = 1; n <= 300; n++) {
    const room = rooms[n % 3] ?? '';
    if (n % 10 === 0) await writer.reads({ conversationId: room, userId: 'eve', readOrdinal: n });
    else await writer.commit(room, drafts.sent(n, `message ${n}`, n % 7 === 0 ? 'eve' : 'ada'));
  }
});

afterAll(() => place?.close());

async function whole(): Promise<LogRange> {
  return { after: 0, until: (await place.log.bounds()).last };
}

async function shown(filter: Partial<EventFilter>, last: number | null = null): Promise<EventRow[]> {
  const all = { types: [], ...filter };
  const rows: EventRow[] = [];
  const options = { log: place.log, filter: all, range: await whole(), last, follow: false, signal: never };
  for await (const row of tail(options)) rows.push(row);
  return rows;
}

test('without following it shows every event of the range, in order, and ends', async () => {
  const rows = await shown({});
  const { last } = await place.log.bounds();
  expect(rows.map((row) => row.sequence)).toEqual(Array.from({ length: last }, (_, n) => n + 1));
});

test('a filter gives what filtering everything gives', async () => {
  const rows = await shown({});
  const [room = ''] = rooms;
  const inRoom = rows.filter((row) => row.conversationId === room && row.actor === 'eve');
  expect(inRoom.length).toBeGreaterThan(10);
  expect(await shown({ conversation: room, user: 'eve', types: ['message.*'] })).toEqual(inRoom);
  const cursors = await shown({ conversation: room, types: ['cursors.*'] });
  expect(cursors).toHaveLength(10);
});

test('the newest n are the last n of all that fit, however far back they are', async () => {
  const created = await shown({ types: ['conversation.created'] });
  expect(created).toHaveLength(3);
  expect(await shown({ types: ['conversation.created'] }, 2)).toEqual(created.slice(1));
  expect(await shown({}, 5)).toEqual((await shown({})).slice(-5));
  expect(await shown({}, 10_000)).toEqual(await shown({}));
});

test('it shows what is appended while it runs, in order, each once, and no more than the filter lets through', async () => {
  const stopping = new AbortController();
  const range = await whole();
  const [room = '', other = ''] = rooms;
  const filter = { conversation: room, types: ['message.*'] };
  const { signal } = stopping;
  const appended: number[] = [];
  const append = async (): Promise<void> => {
    for (let n = 1_000; n < 1_200; n++) {
      appended.push(await writer.commit(room, drafts.sent(n)));
      await writer.commit(other, drafts.sent(n));
    }
  };
  let appending: Promise<void> | undefined;
  const seen: EventRow[] = [];
  const follow = async (): Promise<void> => {
    for await (const row of tail({ log: place.log, filter, range, last: 3, follow: true, signal })) {
      seen.push(row);
      // Only once it has shown what was there does something new come.
      if (seen.length === 3) appending = append();
      if (seen.length === 203) stopping.abort(new Error('stopped'));
    }
  };
  await expect(follow()).rejects.toThrow('stopped');
  await appending;
  expect(seen.slice(3).map((row) => row.sequence)).toEqual(appended);
  expect(seen.slice(0, 3)).toEqual((await shown(filter)).slice(-203, -200));
});
