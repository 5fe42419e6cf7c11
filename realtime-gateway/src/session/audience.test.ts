import {
  conversationSubject,
  encodeCommit,
  type LogEvent,
  readsSubject,
  userSubject,
} from '@parley/contracts';
import { MemoryEventLog } from '@parley/runtime';
import { describe, expect, test } from 'vitest';
import { conversation, type Draft, drafts, TestWriter } from '../testing/commits.ts';
import { Audience, RECEIPT_AUDIENCE } from './audience.ts';
import {
  type ConversationCommit,
  type Item,
  type ReadsCommit,
  readCommit,
  readCommitOrHide,
} from './commit.ts';
import { MembershipFold } from './membership.ts';

const ROOM = conversation(1);
const OTHER = conversation(2);
const log = new MemoryEventLog();
const writer = new TestWriter(log);

async function stored(sequence: number) {
  const record = await log.at(sequence);
  if (!record) throw new Error('not stored');
  return record;
}

async function commit(id: string, ...events: Draft[]): Promise<ConversationCommit> {
  return readCommit(await stored(await writer.commit(id, ...events))) as ConversationCommit;
}

async function reads(...entries: [id: string, userId: string, ordinal: number][]): Promise<ReadsCommit> {
  const cursors = entries.map(([conversationId, userId, readOrdinal]) => ({
    conversationId,
    userId,
    readOrdinal,
  }));
  return readCommit(await stored(await writer.reads(cursors))) as ReadsCommit;
}

function parse(item: Item | null | undefined): { seq: number; events: LogEvent[] } | null {
  return item ? JSON.parse(new TextDecoder().decode(item.bytes)) : null;
}

function typesOf(item: Item | null | undefined): string[] {
  return parse(item)?.events.map((event) => event.type) ?? [];
}

const member = (conversationId: string, memberCount = 2) => ({
  conversationId,
  joinedSequence: 1,
  memberCount,
});

describe('a commit', () => {
  test('is passed on as it is stored', async () => {
    const record = await stored(await writer.commit(ROOM, drafts.sent(1, 'ünï "q" \u2028')));
    const text = new TextDecoder().decode(record.payload);
    const { item } = readCommit(record) as ConversationCommit;
    expect(new TextDecoder().decode(item.bytes)).toBe(`{"seq":${record.sequence},"events":${text}}`);
  });

  test('that cannot be read, or is of a subject nobody knows, is hidden and not fatal', () => {
    const payload = new TextEncoder().encode('{');
    const faults: unknown[] = [];
    const broken = { sequence: 7, subject: conversationSubject(ROOM), payload };
    expect(readCommitOrHide(broken, (error) => faults.push(error))).toEqual({ kind: 'hidden', sequence: 7 });
    expect(faults).toHaveLength(1);
    expect(readCommit({ sequence: 8, subject: 'evt.01.thing.x', payload }).kind).toBe('hidden');
  });

  test('of a user goes to that user alone', async () => {
    const { payload } = await stored(await writer.commit(OTHER, drafts.sent(1)));
    const audience = new Audience<string>();
    const ann = audience.admit('ann b', 's', []);
    const bob = audience.admit('bob', 's', []);
    const own = readCommit({ sequence: 9, subject: userSubject('ann b'), payload });
    expect(own.kind === 'user' && audience.userByToken(own.token)).toBe(ann);
    expect(audience.replayed(ann, own)).not.toBeNull();
    expect(audience.replayed(bob, own)).toBeNull();
  });
});

describe('membership within one commit', () => {
  test('each user sees the events during which they are a member', async () => {
    const audience = new Audience<string>();
    audience.admit('ann', 'a', [member(ROOM)]);
    audience.admit('bob', 'b', []);
    audience.admit('cat', 'c', [member(ROOM)]);
    const mixed = await commit(
      ROOM,
      drafts.sent(2),
      drafts.removed('ann'),
      drafts.sent(3),
      drafts.added('bob'),
      drafts.sent(4),
      drafts.left('cat'),
      drafts.added('cat'),
    );
    const byUser = new Map(audience.apply(mixed).map((delivery) => [delivery.user.id, delivery]));
    expect(typesOf(byUser.get('ann')?.item)).toEqual(['message.sent', 'members.removed']);
    expect(byUser.get('ann')?.revoked).toBe('removed');
    expect(typesOf(byUser.get('bob')?.item)).toEqual([
      'members.added',
      'message.sent',
      'member.left',
      'members.added',
    ]);
    expect(byUser.get('bob')?.revoked).toBeNull();
    expect(byUser.get('cat')?.item).toBe(mixed.item);
    expect(byUser.get('cat')?.revoked).toBeNull();
    expect([...(audience.membersOf(ROOM) ?? [])].map((user) => user.id).sort()).toEqual(['bob', 'cat']);
  });

  test('somebody who comes and goes within it is told that it is over', async () => {
    const audience = new Audience<string>();
    audience.admit('ann', 'a', []);
    const [delivery] = audience.apply(
      await commit(ROOM, drafts.sent(5), drafts.added('ann'), drafts.left('ann')),
    );
    expect(typesOf(delivery?.item)).toEqual(['members.added', 'member.left']);
    expect(delivery?.revoked).toBe('left');
    expect(audience.membersOf(ROOM)).toBeUndefined();
  });

  test('what a replay shows of it begins with the event that made the user a member', async () => {
    const audience = new Audience<string>();
    const ann = audience.admit('ann', 'a', []);
    const joining = await commit(ROOM, drafts.sent(6), drafts.added('ann'), drafts.sent(7));
    expect(audience.replayed(ann, joining)).toBeNull();
    const [delivery] = audience.apply(joining);
    expect(parse(audience.replayed(ann, joining))).toEqual(parse(delivery?.item));
  });
});

test('a user is known until the last session goes', async () => {
  const audience = new Audience<string>();
  audience.admit('ann', 'phone', [member(ROOM)]);
  audience.admit('ann', 'desk', [member(OTHER)]);
  expect(audience.membersOf(OTHER)).toBeUndefined();
  audience.release('ann', 'phone');
  expect(audience.membersOf(ROOM)?.size).toBe(1);
  audience.release('ann', 'desk');
  expect(audience.membersOf(ROOM)).toBeUndefined();
  expect(audience.user('ann')).toBeUndefined();
});

describe('receipts', () => {
  test('are shared by those who see the same, and hold no conversation that the reader is not in', async () => {
    const audience = new Audience<string>();
    const ann = audience.admit('ann', 'a', [member(ROOM), member(OTHER)]);
    const bob = audience.admit('bob', 'b', [member(ROOM)]);
    const cat = audience.admit('cat', 'c', [member(ROOM)]);
    const cursors = await reads([ROOM, 'bob', 4], [OTHER, 'dan', 5]);
    const items = audience.receipts(cursors);
    expect(items.get(bob)).toBe(items.get(cat));
    expect(JSON.stringify(parse(items.get(bob)))).not.toContain(OTHER);
    expect(parse(items.get(ann))?.events[0]?.data).toMatchObject({
      entries: [{ conversationId: ROOM }, { conversationId: OTHER }],
    });
    for (const user of [ann, bob])
      expect(parse(audience.replayed(user, cursors))).toEqual(parse(items.get(user)));
  });

  test('in a large conversation are one’s own', async () => {
    const audience = new Audience<string>();
    const ann = audience.admit('ann', 'a', [member(ROOM, RECEIPT_AUDIENCE)]);
    const bob = audience.admit('bob', 'b', []);
    audience.apply(await commit(ROOM, drafts.added('bob')));
    const items = audience.receipts(await reads([ROOM, 'ann', 4], [ROOM, 'zoe', 9]));
    expect(items.has(bob)).toBe(false);
    expect(parse(items.get(ann))?.events[0]?.data).toMatchObject({ entries: [{ userId: 'ann' }] });
    audience.apply(await commit(ROOM, drafts.left('bob')));
    expect(JSON.stringify(parse(audience.receipts(await reads([ROOM, 'zoe', 9])).get(ann)))).toContain('zoe');
  });

  test('of a partition none of whose conversations is known are nobody’s', async () => {
    const audience = new Audience<string>();
    audience.admit('ann', 'a', []);
    const cursors = await reads([ROOM, 'ann', 4]);
    expect(cursors.sequence).toBe((await log.bounds()).last);
    expect(readsSubject(ROOM)).toBe((await stored(cursors.sequence)).subject);
    expect(audience.receipts(cursors).size).toBe(0);
  });
});

describe('bringing the read model to the end of the log', () => {
  test('skips what the row reflects, and counts the rest', async () => {
    const first = await commit(OTHER, drafts.added('eve'));
    const second = await commit(OTHER, drafts.added('fay', 'gus'), drafts.left('eve'));
    const row = { conversationId: OTHER, joinedSequence: 1, memberCount: 3, version: first.lastVersion };
    const fold = new MembershipFold('ann', 0, { memberships: [row], departures: [] });
    fold.apply(first);
    fold.apply(second);
    expect([...fold.memberships()]).toMatchObject([{ joinedSequence: 1, memberCount: 4 }]);
  });

  test('tells of departures after the position only, and not of who came back', async () => {
    const gone = await commit(OTHER, drafts.left('ann'));
    const back = await commit(OTHER, drafts.added('ann'));
    const empty = { memberships: [], departures: [] };
    const told = new MembershipFold('ann', gone.sequence, empty);
    told.apply(gone);
    expect(told.departures()).toEqual([]);
    const untold = new MembershipFold('ann', gone.sequence - 1, empty);
    untold.apply(gone);
    expect(untold.departures()).toEqual([{ conversationId: OTHER, reason: 'left' }]);
    untold.apply(back);
    expect(untold.departures()).toEqual([]);
    expect([...untold.memberships()]).toMatchObject([{ joinedSequence: back.sequence }]);
  });
});

test('an event of an unknown type is passed on like any other', () => {
  const event = {
    specversion: '1.0',
    id: 'x',
    source: '/parley',
    type: 'poll.opened',
    subject: `conversation/${ROOM}`,
    time: '2026-01-01T00:00:00Z',
    dataschema: 'urn:parley:event:poll.opened:3',
    actor: 'ann',
    version: 12,
    data: { question: '?' },
  };
  const payload = encodeCommit([event as unknown as LogEvent]);
  const read = readCommit({ sequence: 1, subject: conversationSubject(ROOM), payload }) as ConversationCommit;
  expect(parse(read.item)?.events).toEqual([event]);
});
