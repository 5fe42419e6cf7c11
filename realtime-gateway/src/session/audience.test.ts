import {
  conversationSubject,
  encodeCommit,
  type LogEvent,
  MAX_MEMBERS_WITH_RECEIPTS,
  type Role,
  readsSubject,
  userSubject,
} from '@parley/contracts';
import { MemoryEventLog } from '@parley/runtime';
import { describe, expect, test } from 'vitest';
import { conversation, type Draft, drafts, TestWriter } from '../testing/commits.ts';
import { Audience } from './audience.ts';
import { type ReadsCommit, readCommit, readCommitOrHide } from './commit.ts';
import type { ConversationCommit, Rules } from './conversation-commit.ts';
import { GoneTexts } from './gone-texts.ts';
import type { Item } from './item.ts';
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

const shared: Rules = { receipts: true, history: 'shared', type: 'group' };

const member = (conversationId: string, memberCount = 2) => ({
  conversationId,
  joinedSequence: 1,
  joinedOrdinal: 0,
  role: 'member' as Role,
  memberCount,
  rules: shared,
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
    const byUser = new Map(audience.apply(mixed).map((delivery) => [delivery.user?.id, delivery]));
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

describe('the end of a membership', () => {
  test('by a ban: it is the last that the banned user sees, and a ban of somebody outside ends nothing', async () => {
    const audience = new Audience<string>();
    audience.admit('ann', 'a', [member(ROOM)]);
    const bob = audience.admit('bob', 'b', [member(ROOM)]);
    const outside = await commit(ROOM, drafts.banned('zoe'));
    expect(audience.apply(outside).map(({ revoked }) => revoked)).toEqual([null, null]);
    const ban = await commit(ROOM, drafts.banned('bob', 'member'), drafts.sent(8));
    expect(audience.apply(ban).map(({ user, revoked }) => [user?.id, revoked])).toEqual([
      ['ann', null],
      ['bob', 'banned'],
    ]);
    expect(audience.replayed(bob, ban)).toBeNull();
    expect([...(audience.membersOf(ROOM) ?? [])].map((user) => user.id)).toEqual(['ann']);
  });

  test('by a deletion: every member sees it and is told', async () => {
    const audience = new Audience<string>();
    for (const userId of ['ann', 'bob']) audience.admit(userId, 's', [member(ROOM), member(OTHER)]);
    const end = await commit(ROOM, drafts.added('cat'), drafts.deleted());
    const deliveries = audience.apply(end);
    expect(deliveries.map(({ user, revoked }) => [user?.id, revoked])).toEqual([
      ['ann', 'deleted'],
      ['bob', 'deleted'],
    ]);
    for (const { item } of deliveries) expect(item).toBe(end.item);
    expect(audience.membersOf(ROOM)).toBeUndefined();
    expect(audience.membersOf(OTHER)?.size).toBe(2);
  });
});

describe('a lowered cursor', () => {
  const bare = ['data', 'dataschema', 'id', 'source', 'specversion', 'subject', 'time', 'type', 'version'];

  test('is shown to the user it names; others learn that a version passed and nothing else', async () => {
    const audience = new Audience<string>();
    const users = ['ann', 'bob', 'cat'].map((userId) => audience.admit(userId, 's', [member(ROOM)]));
    const [ann, bob, cat] = users;
    const lowered = await commit(ROOM, drafts.sent(9), drafts.lowered('ann', 4), drafts.lowered('bob', 5));
    const views = new Map(audience.apply(lowered).map(({ user, item }) => [user, item]));
    const dataOf = (item: Item | null | undefined) =>
      parse(item)
        ?.events.slice(1)
        .map((event) => event.data);
    expect([...views.keys()]).toEqual(users);
    for (const user of users) {
      if (!user) continue;
      const live = views.get(user);
      expect(dataOf(live)).toEqual([
        user === ann ? { userId: 'ann', ordinal: 4 } : {},
        user === bob ? { userId: 'bob', ordinal: 5 } : {},
      ]);
      expect(parse(audience.replayed(user, lowered))).toEqual(parse(live));
    }
    const [sent, hidden] = parse(cat && audience.replayed(cat, lowered))?.events ?? [];
    expect(sent).toMatchObject({ actor: 'writer', commandhash: 'hash' });
    expect(Object.keys(hidden ?? {}).sort()).toEqual(['actor', ...bare]);
    expect(hidden).toMatchObject({ actor: 'parley', data: {}, version: lowered.lastVersion - 1 });
  });

  test('stays hidden from those who come and go in the same commit', async () => {
    const audience = new Audience<string>();
    audience.admit('ann', 'a', [member(ROOM)]);
    const dan = audience.admit('dan', 'd', []);
    const mixed = await commit(ROOM, drafts.sent(10), drafts.added('dan'), drafts.lowered('ann', 4));
    const views = new Map(audience.apply(mixed).map(({ user, item }) => [user?.id, item]));
    expect(JSON.stringify(parse(views.get('ann')))).toContain('"ordinal":4');
    expect(typesOf(views.get('dan'))).toEqual(['members.added', 'parley.hidden']);
    for (const item of [views.get('dan'), audience.replayed(dan, mixed)]) {
      expect(parse(item)?.events.at(-1)).toMatchObject({ actor: 'parley', data: {} });
    }
  });
});

describe('what is for moderators', () => {
  const secret = (): Draft => ({
    type: 'members.removed',
    data: { userIds: ['zoe'], reason: 'rude' },
  });
  const reasonFor = (item: Item | null | undefined) => parse(item)?.events[0]?.data;

  test('is shown to them, and taken out for members, who share what is left', async () => {
    const audience = new Audience<string>();
    const [ann, bob, cat] = ['ann', 'bob', 'cat'].map((userId) =>
      audience.admit(userId, 's', [
        { ...member(ROOM), role: userId === 'ann' ? ('moderator' as const) : ('member' as const) },
      ]),
    );
    const removal = await commit(ROOM, secret());
    const views = new Map(audience.apply(removal).map(({ user, item }) => [user, item]));
    expect(ann && views.get(ann)).toBe(removal.item);
    expect(reasonFor(bob && views.get(bob))).toEqual({ userIds: ['zoe'] });
    expect(bob && views.get(bob)).toBe(cat && views.get(cat));
    for (const user of [ann, bob]) {
      expect(parse(user && audience.replayed(user, removal))).toEqual(parse(user && views.get(user)));
    }
  });

  test('follows the role as it is given and taken, and in a broadcast begins with admins', async () => {
    const audience = new Audience<string>();
    const ann = audience.admit('ann', 'a', [member(ROOM)]);
    const shown = async () =>
      audience.apply(await commit(ROOM, secret())).map(({ item }) => reasonFor(item))[0];
    const becomes = async (from: Role, to: Role) =>
      audience.apply(await commit(ROOM, { type: 'member.role-changed', data: { userId: 'ann', from, to } }));
    expect(await shown()).not.toHaveProperty('reason');
    await becomes('member', 'moderator');
    expect(await shown()).toHaveProperty('reason');
    await becomes('moderator', 'guest');
    expect(await shown()).not.toHaveProperty('reason');
    expect(ann.memberships.get(ROOM)?.role).toBe('guest');
    for (const [role, sees] of [
      ['moderator', false],
      ['admin', true],
    ] as const) {
      const rules = { ...shared, type: 'broadcast' as const };
      const hall = new Audience<string>();
      const eve = hall.admit('eve', 'e', [{ ...member(OTHER), role, rules }]);
      const data = reasonFor(hall.replayed(eve, await commit(OTHER, secret())));
      expect(data && 'reason' in data).toBe(sees);
    }
  });

  test('is not even hinted at to a moderator who is banned', async () => {
    const audience = new Audience<string>();
    audience.admit('ann', 'a', [{ ...member(ROOM), role: 'moderator' }]);
    const ban: Draft = { type: 'member.banned', data: { userId: 'ann', role: 'moderator', reason: 'rude' } };
    const [delivery] = audience.apply(await commit(ROOM, ban));
    expect(delivery?.revoked).toBe('banned');
    expect(reasonFor(delivery?.item)).toEqual({ userId: 'ann', role: 'moderator' });
  });
});

describe('messages from before one joined', () => {
  const late = (rules: Partial<Rules>) => ({
    ...member(ROOM),
    joinedOrdinal: 10,
    rules: { ...shared, ...rules },
  });

  test('are nobody’s secret where history is shared, and hidden where it is for members', async () => {
    for (const [history, types] of [
      ['shared', ['message.edited']],
      ['joined', ['parley.hidden']],
      [null, ['parley.hidden']],
    ] as const) {
      const audience = new Audience<string>();
      const founder = audience.admit('ann', 'a', [{ ...late({ history }), joinedOrdinal: 0 }]);
      const newcomer = audience.admit('bob', 'b', [late({ history })]);
      const old = await commit(ROOM, drafts.edited(10));
      expect(audience.isAlike(old)).toBe(history === 'shared');
      const views = new Map(audience.apply(old).map(({ user, item }) => [user, item]));
      expect(views.get(founder)).toBe(old.item);
      expect(typesOf(views.get(newcomer))).toEqual(types);
      expect(typesOf(audience.replayed(newcomer, old))).toEqual(types);
      expect(parse(views.get(newcomer))?.events[0]?.version).toBe(old.lastVersion);
      expect(audience.isAlike(await commit(ROOM, drafts.edited(11)))).toBe(true);
    }
  });

  test('follow the setting, and where the user came in', async () => {
    const audience = new Audience<string>();
    audience.admit('ann', 'a', [{ ...member(ROOM), rules: { ...shared, history: 'joined' } }]);
    const bob = audience.admit('bob', 'b', []);
    audience.apply(await commit(ROOM, drafts.added('bob')));
    expect(audience.isAlike(await commit(ROOM, drafts.edited(1)))).toBe(true);
    audience.apply(await commit(ROOM, drafts.removed('bob')));
    const again = drafts.added('bob');
    if (again.type === 'members.added') again.data.ordinal = 20;
    audience.apply(await commit(ROOM, again));
    const old = await commit(ROOM, drafts.edited(20));
    expect(audience.isAlike(old)).toBe(false);
    expect(typesOf(audience.replayed(bob, old))).toEqual(['parley.hidden']);
    audience.apply(
      await commit(ROOM, {
        type: 'conversation.updated',
        data: { settings: { historyVisibility: 'shared' } },
      }),
    );
    expect(audience.isAlike(old)).toBe(true);
    expect(typesOf(audience.replayed(bob, old))).toEqual(['message.edited']);
  });
});

describe('a text that is gone', () => {
  test('is not in a replay, and what is about other messages is as it was', async () => {
    const audience = new Audience<string>();
    const ann = audience.admit('ann', 'a', [member(ROOM)]);
    const commits: ConversationCommit[] = [];
    for (const draft of [
      drafts.sent(31, 'one'),
      drafts.sent(32, 'two'),
      drafts.edited(32),
      drafts.sent(33, 'x'),
    ])
      commits.push(await commit(ROOM, draft));
    const shown = (...gone: GoneTexts[]) =>
      commits.map((each) => {
        const item = audience.replayed(ann, each, gone);
        return item === each.item || 'body' in (parse(item)?.events[0]?.data ?? {});
      });
    const [deleted, expired] = [new GoneTexts(), new GoneTexts()];
    expect(shown(deleted, expired)).toEqual([true, true, true, true]);
    const removed = (await commit(ROOM, drafts.messageDeleted(32))).removed;
    if (removed) deleted.add(ROOM, removed);
    expect(shown(deleted, expired)).toEqual([true, false, false, true]);
    expired.add(ROOM, { deleted: [], expiredThrough: 31 });
    expect(shown(deleted, expired)).toEqual([false, false, false, true]);
    expired.add(OTHER, { deleted: [], expiredThrough: 33 });
    expect(shown(deleted, expired)).toEqual([false, false, false, true]);
  });
});

describe('receipts', () => {
  test('that are private, of a thread or of an audience go to the reader alone', async () => {
    const audience = new Audience<string>();
    const ann = audience.admit('ann', 'a', [member(ROOM)]);
    const bob = audience.admit('bob', 'b', [member(ROOM)]);
    const eve = audience.admit('eve', 'e', []);
    const own = [
      { conversationId: ROOM, userId: 'ann', readOrdinal: 3, private: true as const },
      { conversationId: ROOM, userId: 'ann', readOrdinal: 3, threadOrdinal: 2 },
      { conversationId: ROOM, userId: 'eve', readOrdinal: 3, audience: true as const },
      { conversationId: ROOM, userId: 'eve', readOrdinal: 9 },
    ];
    const shown = { conversationId: ROOM, userId: 'ann', deliveredOrdinal: 4 };
    const sequence = await writer.reads([...own, shown]);
    const cursors = readCommit(await stored(sequence)) as ReadsCommit;
    const items = audience.receipts(cursors);
    const entriesOf = (item: Item | null | undefined) =>
      parse(item)?.events.flatMap((event) => (event.type === 'cursors.advanced' ? event.data.entries : []));
    expect(entriesOf(items.get(ann))).toMatchObject([own[0], own[1], own[3], shown]);
    expect(entriesOf(items.get(bob))).toMatchObject([own[3], shown]);
    expect(entriesOf(items.get(eve))).toMatchObject([own[2]]);
    for (const user of [ann, bob, eve])
      expect(parse(audience.replayed(user, cursors))).toEqual(parse(items.get(user)));
  });

  test('are one’s own while the settings say so, and where nobody has said', async () => {
    const audience = new Audience<string>();
    const ann = audience.admit('ann', 'a', [member(ROOM)]);
    const bob = audience.admit('bob', 'b', [member(ROOM)]);
    const readers = async () => {
      const cursors = await reads([ROOM, 'ann', 4]);
      const receipts = audience.receipts(cursors);
      expect(audience.replayed(bob, cursors) !== null).toBe(receipts.has(bob));
      return [...receipts.keys()];
    };
    expect(await readers()).toEqual([ann, bob]);
    audience.apply(await commit(ROOM, drafts.receipts(false)));
    expect(await readers()).toEqual([ann]);
    audience.apply(await commit(ROOM, drafts.receipts(true)));
    expect(await readers()).toEqual([ann, bob]);
    const unknown = new Audience<string>();
    const [dan, eve] = [unknown.admit('dan', 'd', []), unknown.admit('eve', 'e', [])];
    unknown.apply(await commit(OTHER, drafts.added('dan', 'eve')));
    const cursors = await reads([OTHER, 'dan', 4]);
    expect([...unknown.receipts(cursors).keys()]).toEqual([dan]);
    unknown.admit('dan', 'later', [member(OTHER)]);
    expect([...unknown.receipts(cursors).keys()]).toEqual([dan, eve]);
  });

  test('follow the number of members that an event says', async () => {
    const audience = new Audience<string>();
    const ann = audience.admit('ann', 'a', [member(ROOM, 10)]);
    const grown = drafts.added('zoe');
    if (grown.type === 'members.added') grown.data.memberCount = MAX_MEMBERS_WITH_RECEIPTS + 1;
    audience.apply(await commit(ROOM, grown));
    expect(audience.receipts(await reads([ROOM, 'zoe', 4])).has(ann)).toBe(false);
    audience.apply(await commit(ROOM, drafts.left('zoe')));
    expect(audience.receipts(await reads([ROOM, 'bob', 4])).has(ann)).toBe(true);
  });

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
    const ann = audience.admit('ann', 'a', [member(ROOM, MAX_MEMBERS_WITH_RECEIPTS)]);
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
    const row = {
      conversationId: OTHER,
      joinedSequence: 1,
      joinedOrdinal: 0,
      role: 'member' as const,
      memberCount: 3,
      rules: shared,
      version: first.lastVersion,
    };
    const fold = new MembershipFold('ann', 0, { memberships: [row], departures: [] });
    fold.apply(first);
    fold.apply(second);
    expect([...fold.memberships()]).toMatchObject([{ joinedSequence: 1, memberCount: 4 }]);
  });

  test('ends with a deletion, and knows whether receipts are shown', async () => {
    const founded = conversation(3);
    const created = await commit(founded, drafts.created('ann', 'bob'));
    const fold = new MembershipFold('ann', 0, { memberships: [], departures: [] });
    fold.apply(created);
    expect([...fold.memberships()]).toMatchObject([{ memberCount: 2, rules: shared, joinedOrdinal: 0 }]);
    fold.apply(await commit(founded, drafts.receipts(false)));
    expect([...fold.memberships()]).toMatchObject([{ memberCount: 2, rules: { receipts: false } }]);
    const stranger = new MembershipFold('cat', 0, { memberships: [], departures: [] });
    const deleted = await commit(founded, drafts.deleted());
    for (const each of [fold, stranger]) each.apply(deleted);
    expect([...fold.memberships()]).toEqual([]);
    expect(fold.departures()).toEqual([{ conversationId: founded, reason: 'deleted' }]);
    expect(stranger.departures()).toEqual([]);
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
