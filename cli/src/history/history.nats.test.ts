import { encodeCommit, type LogEvent, userSubject } from '@parley/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EventRow } from '../log/event-row.ts';
import { drafts, LogWriter, uuid } from '../log/testing/log-writer.ts';
import { openTestLog, type TestLog } from '../log/testing/open-test-log.ts';
import { findCommit } from '../show/find-commit.ts';
import { commitLines, shownCommit } from '../show/shown-commit.ts';
import { history } from './history.ts';

const room = uuid(1);
const other = uuid(2);
const everything = { after: 0, until: Number.POSITIVE_INFINITY };
const never = new AbortController().signal;
let place: TestLog;
let writer: LogWriter;

beforeAll(async () => {
  place = await openTestLog();
  writer = new LogWriter(place.log);
  await writer.commit(room, drafts.created('A room', 'ada', 'eve'));
  await writer.commit(other, drafts.created('Another', 'ada'));
  // More than a page of the log's reads.
  for (let n = 1; n <= 700; n++) {
    await writer.commit(room, drafts.sent(n, `message ${n}`, n % 2 ? 'ada' : 'eve'));
    if (n % 5 === 0) await writer.commit(other, drafts.sent(n));
  }
  await writer.commit(room, drafts.edited(700, 'new text'), drafts.deleted(699));
});

afterAll(() => place?.close());

async function rowsOf(...[filter, range = everything]: [object, typeof everything?]): Promise<EventRow[]> {
  const rows: EventRow[] = [];
  const all = { conversation: room, types: [], ...filter };
  for await (const row of history(place.log, all, range, never)) rows.push(row);
  return rows;
}

test('a history is every event of the conversation and of no other, by version', async () => {
  const rows = await rowsOf({});
  expect(rows.map((row) => row.version)).toEqual(Array.from({ length: 703 }, (_, n) => n + 1));
  expect(new Set(rows.map((row) => row.conversationId))).toEqual(new Set([room]));
});

test('it can be narrowed by type, user and range', async () => {
  const all = await rowsOf({});
  expect(await rowsOf({ types: ['message.edited'] })).toEqual(all.slice(-2, -1));
  const byEve = await rowsOf({ user: 'eve', types: ['message.sent'] });
  expect(byEve).toHaveLength(350);
  const [from, to] = [all[10]?.sequence ?? 0, all[20]?.sequence ?? 0];
  expect(await rowsOf({}, { after: from - 1, until: to })).toEqual(all.slice(10, 21));
});

test('an event that was stored in an older version is shown in the current one', async () => {
  const old = {
    specversion: '1.0',
    id: 'old-event',
    source: '/parley',
    type: 'conversation.created',
    subject: `conversation/${uuid(3)}`,
    time: '2020-01-01T00:00:00Z',
    dataschema: 'urn:parley:event:conversation.created:1',
    version: 1,
    actor: 'ada',
    data: { type: 'group', members: [] },
  } as unknown as LogEvent;
  await writer.append(`evt.00.conv.${uuid(3)}`, encodeCommit([old]));
  const found = await find('old-event');
  expect(found).not.toBeNull();
  expect(found && shownCommit(found, place.log.epoch).events[0]?.data).toHaveProperty('settings');
});

function find(id: string, conversation?: string) {
  const looked = (): void => undefined;
  return place.log.bounds().then(({ last }) => {
    const range = { after: 0, until: last };
    return findCommit(place.log, { id, range, conversation, signal: never, looked });
  });
}

test('a message is found by its id where it was sent, not where it was edited', async () => {
  const [sent] = (await rowsOf({ types: ['message.sent'] })).filter((row) => row.ordinal === 699);
  const found = await find(uuid(900_699), room);
  expect(found?.sequence).toBe(sent?.sequence);
  expect((await find(sent?.eventId ?? ''))?.sequence).toBe(sent?.sequence);
});

test('what another conversation or a text says is not found', async () => {
  expect(await find(uuid(900_699), other)).toBeNull();
  await writer.commit(room, drafts.sent(701, 'mentions no-such-id in its text'));
  expect(await find('no-such-id')).toBeNull();
});

test('a commit is shown whole, and nothing in it reaches the terminal as a command', async () => {
  const evil = '\u001b]0;owned\u0007\u202e';
  const sequence = await writer.commit(room, drafts.sent(702, evil, evil), drafts.deleted(702));
  const record = await place.log.at(sequence);
  if (!record) throw new Error('no such commit');
  const shown = shownCommit(record, place.log.epoch);
  expect(shown).toMatchObject({ sequence, position: `${place.log.epoch}:${sequence}`, unreadable: null });
  const lines = commitLines(shown);
  expect(lines.join('')).not.toMatch(/[\p{Cc}\u202e]/u);
  expect(lines.join('\n')).toContain('event 2 of 2: message.deleted');
  expect(lines.join('\n')).toContain(shown.events[0]?.id);
});

test('a commit that cannot be read is shown with the reason', async () => {
  const sequence = await writer.append(userSubject('ada'), Buffer.from('{'));
  const record = await place.log.at(sequence);
  const shown = record && shownCommit(record, place.log.epoch);
  expect(shown?.unreadable).toContain('not JSON');
  expect(shown && commitLines(shown).join('\n')).toContain('not JSON');
});
