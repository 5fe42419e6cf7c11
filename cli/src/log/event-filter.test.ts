import { conversationSubject, encodeCommit, type LogEvent, readsSubject } from '@parley/contracts';
import type { CommitRecord } from '@parley/runtime';
import { expect, test } from 'vitest';
import { type EventFilter, eventSelector, mayFit } from './event-filter.ts';
import { eventLine, lineOf } from './event-line.ts';
import { type EventRow, rowsOf, UNREADABLE } from './event-row.ts';
import { uuid } from './testing/log-writer.ts';

const room = uuid(1);
const other = uuid(2);

function recordOf(subject: string, payload: Uint8Array): CommitRecord {
  return { sequence: 7, subject, commitId: 'commit-7', storedAt: 0, payload };
}

function rowWith(type: string, data: object, actor = 'ada', subject = conversationSubject(room)): EventRow {
  const event = {
    specversion: '1.0',
    id: 'event-1',
    source: '/parley',
    type,
    subject: 'conversation/x',
    time: '2026-01-02T03:04:05Z',
    // Only a known type is brought to its current version.
    dataschema: 'urn:parley:event:later.thing:1',
    actor,
    data,
  };
  const [row] = rowsOf(recordOf(subject, encodeCommit([event as unknown as LogEvent])));
  if (!row) throw new Error('no row');
  return row;
}

function fits(row: EventRow, filter: Partial<EventFilter>): boolean {
  return eventSelector({ types: [], ...filter })(row) !== null;
}

test.each([
  [['later.*'], true],
  [['*.thing'], true],
  [['later.thin?'], true],
  [['message.*', 'later.thing'], true],
  [['later'], false],
  [['later.th(i)ng'], false],
  [['laterxthing'], false],
  [[], true],
])('globs %j fit later.thing: %s', (types, fit) => {
  expect(fits(rowWith('later.thing', {}), { types })).toBe(fit);
});

test.each([
  ['who did it', { actor: 'eve' }],
  ['whom it is about', { data: { userId: 'eve' } }],
  ['one of many', { data: { userIds: ['bob', 'eve'] } }],
  ['a member', { data: { members: [{ userId: 'bob' }, { userId: 'eve' }] } }],
  ['who is mentioned', { data: { mentions: { users: ['eve'] } } }],
  ['whose message it is', { data: { authorId: 'eve' } }],
  ['who is mentioned in a message that waits', { data: { message: { mentions: { users: ['eve'] } } } }],
])('--user finds %s', (_, { data = {}, actor = 'ada' }: { data?: object; actor?: string }) => {
  const row = rowWith('later.thing', data, actor);
  expect(fits(row, { user: 'eve' })).toBe(true);
  expect(fits(row, { user: 'ev' })).toBe(false);
});

test('a text that says a name is about nobody', () => {
  expect(fits(rowWith('later.thing', { body: 'eve', title: 'eve' }), { user: 'eve' })).toBe(false);
});

test('of cursors only the entries that fit are left', () => {
  const entries = [
    { conversationId: room, userId: 'ada' },
    { conversationId: room, userId: 'eve' },
    { conversationId: other, userId: 'eve' },
  ];
  const row = rowWith('later.cursors', { entries }, 'parley', readsSubject(room));
  const select = eventSelector({ types: [], conversation: room, user: 'eve' });
  expect(select(row)?.data).toEqual({ entries: [entries[1]] });
  expect(fits(row, { conversation: uuid(3) })).toBe(false);
  expect(eventSelector({ types: [] })(row)?.data).toEqual({ entries });
});

test('only commits of other conversations are passed over without being read', () => {
  const filter = { types: [], conversation: room };
  const empty = new Uint8Array();
  expect(mayFit(recordOf(conversationSubject(room), empty), filter)).toBe(true);
  expect(mayFit(recordOf(conversationSubject(other), empty), filter)).toBe(false);
  expect(mayFit(recordOf(readsSubject(other), empty), filter)).toBe(true);
  expect(mayFit(recordOf(conversationSubject(other), empty), { types: [] })).toBe(true);
});

test('a commit that cannot be read is a row that says why', () => {
  const [row] = rowsOf(recordOf(conversationSubject(room), Buffer.from('no JSON')));
  expect(row).toMatchObject({ type: UNREADABLE, sequence: 7, conversationId: room, eventId: 'commit-7' });
  expect(JSON.stringify(row?.data)).toContain('not JSON');
});

test('a line for a person holds nothing that a terminal obeys, whatever was sent', () => {
  const evil = '\u001b]0;owned\u0007\n\u202e\u009b2J';
  const row = rowWith(`x${evil}`, { body: evil, messageId: evil, [evil]: evil }, evil);
  expect(eventLine({ ...row, time: evil, conversationId: evil })).not.toMatch(/[\p{Cc}\u202e]/u);
});

test('a name that is too long for its column widens it for the lines that follow, and no other line', () => {
  const line = lineOf(false);
  const placeOf = (actor: string): number => line({ ...rowWith('hi', {}), actor }).indexOf(room);
  const before = placeOf('ada');
  expect(placeOf('bob')).toBe(before);
  const wide = placeOf('somebody-with-a-long-name');
  expect(wide).toBeGreaterThan(before);
  expect(placeOf('ada')).toBe(wide);
});
