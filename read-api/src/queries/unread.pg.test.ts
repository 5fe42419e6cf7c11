import { DEFAULT_SETTINGS } from '@parley/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../testing/ask.ts';
import { EPOCH, ReadModel, uuid } from '../testing/read-model.ts';
import {
  insert,
  insertConversation,
  memberRow,
  messageRow,
  messageRows,
  principalOf,
} from '../testing/rows.ts';
import { readInbox } from './inbox.ts';
import { readUnread } from './unread.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(() => model.build());

const unread = (userId: string, segments: string[] = []) =>
  ask(model, ['unread', readUnread], {}, principalOf(userId, segments));

async function memberships(userId: string) {
  const answers = await Promise.all(
    (['all', 'archived'] as const).map((filter) =>
      ask(model, ['inbox', readInbox], { filter, limit: '200' }, principalOf(userId)),
    ),
  );
  return new Map(answers.flatMap(({ items }) => items.map(({ conversation, me }) => [conversation.id, me])));
}

describe('the badge', () => {
  it('is nothing for somebody who is nowhere', async () => {
    expect(await unread('zoe')).toEqual({
      asOf: `${EPOCH}:10`,
      total: 0,
      mentions: 0,
      threads: 0,
      conversations: 0,
    });
  });

  it('leaves out what was left or deleted', async () => {
    await insertConversation(model.pool, 1, messageRows(1, 3));
    await insertConversation(model.pool, 2, messageRows(2, 3));
    await insertConversation(model.pool, 3, messageRows(3, 3), { deleted_at: new Date() });
    await insert(model.pool, 'members', [
      memberRow(1, 'bob', { read_ordinal: 1 }),
      memberRow(2, 'bob', { left_sequence: 2, left_reason: 'left' }),
      memberRow(3, 'bob'),
    ]);
    expect(await unread('bob')).toMatchObject({ total: 2, conversations: 1 });
  });

  it.each([
    ['muted without an end', { muted_sequence: 1, muted_until: 'infinity' }, 1],
    ['muted for long', { muted_sequence: 1, muted_until: '2999-01-01' }, 1],
    ['muted until just now', { muted_sequence: 1, muted_until: '2020-01-01' }, 4],
    ['archived after its last message', { archived_sequence: 30 }, 1],
    ['archived before its last message', { archived_sequence: 29 }, 4],
  ])('of a conversation that is %s', async (_what, facts, total) => {
    await insertConversation(model.pool, 1, messageRows(1, 1));
    await insertConversation(model.pool, 2, [
      ...messageRows(2, 2),
      messageRow(2, 3, { mentions_all: true }),
      messageRow(2, 4, { thread_ordinal: 1, thread_id: uuid(2_000_001) }),
    ]);
    await insert(model.pool, 'members', [memberRow(1, 'bob'), memberRow(2, 'bob')]);
    await insert(model.pool, 'threads', [
      {
        conversation_id: uuid(2),
        ordinal: 1,
        reply_count: 1,
        last_reply_ordinal: 4,
        last_reply_at: new Date(),
        last_reply_sequence: 40,
      },
    ]);
    await insert(model.pool, 'thread_followers', [
      { conversation_id: uuid(2), user_id: 'bob', ordinal: 1, followed_from: 1, read_ordinal: 1 },
    ]);
    await insert(model.pool, 'user_conversations', [{ user_id: 'bob', conversation_id: uuid(2), ...facts }]);
    const isLoud = total > 1;
    expect(await unread('bob')).toMatchObject({
      total,
      mentions: 1,
      threads: isLoud ? 1 : 0,
      conversations: isLoud ? 2 : 1,
    });
  });

  it('leaves an archived conversation out, whatever comes, when the user has it so', async () => {
    await insertConversation(model.pool, 1, messageRows(1, 3));
    await insert(model.pool, 'members', [memberRow(1, 'bob')]);
    await insert(model.pool, 'user_conversations', [
      { user_id: 'bob', conversation_id: uuid(1), archived_sequence: 5 },
    ]);
    expect(await unread('bob')).toMatchObject({ total: 3 });
    await insert(model.pool, 'users', [
      { user_id: 'bob', preferences: { unarchiveOnMessage: false }, version: 1, sequence: 1 },
    ]);
    expect(await unread('bob')).toMatchObject({ total: 0, conversations: 0 });
  });

  it('counts a broadcast for its audience from their own cursor, and never for who is banned', async () => {
    await insertConversation(model.pool, 1, messageRows(1, 5), {
      type: 'broadcast',
      audience: 'segment',
      segment: 'staff',
      expired_ordinal: 1,
    });
    await insert(model.pool, 'audience_cursors', [
      { conversation_id: uuid(1), user_id: 'bob', read_ordinal: 3, delivered_ordinal: 4 },
    ]);
    await insert(model.pool, 'bans', [
      { conversation_id: uuid(1), user_id: 'eve', banned_by: 'ann', at: new Date(), until: null },
    ]);
    expect(await unread('bob', ['staff'])).toMatchObject({ total: 2 });
    expect(await unread('cyn', ['press', 'staff'])).toMatchObject({ total: 4 });
    expect(await unread('cyn', ['press'])).toMatchObject({ total: 0 });
    expect(await unread('eve', ['staff'])).toMatchObject({ total: 0 });
  });
});

const rarely = fc.nat(3).map((n) => n === 0);
const message = fc.record({
  /** Modulo the main messages before it; 0 = a main message itself. */
  root: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(9) }),
  isDeleted: rarely,
  isHidden: rarely,
  isOwn: fc.boolean(),
  namesBob: fc.boolean(),
  callsAll: fc.boolean(),
});
const room = fc.record({
  messages: fc.array(message, { maxLength: 14 }),
  read: fc.nat(14),
  joined: fc.oneof(fc.constant(0), fc.nat(14)),
  expired: fc.oneof(fc.constant(0), fc.nat(14)),
  joinedOnly: fc.boolean(),
  isGone: fc.boolean(),
  /** Of the threads that bob follows: how far he has read each. */
  follows: fc.array(fc.option(fc.nat(8), { nil: null }), { minLength: 14, maxLength: 14 }),
});

interface Told {
  ordinal: number;
  root: number | null;
  isDeleted: boolean;
  isHidden: boolean;
  isOwn: boolean;
  namesBob: boolean;
  callsAll: boolean;
}

function toldOf(messages: (typeof message extends fc.Arbitrary<infer T> ? T : never)[]): Told[] {
  const roots: number[] = [];
  return messages.map((each, i) => {
    const isMain = each.root === 0 || roots.length === 0;
    const root = isMain ? null : (roots[each.root % roots.length] ?? null);
    if (root === null) roots.push(i + 1);
    return { ...each, ordinal: i + 1, root, callsAll: each.callsAll && root === null };
  });
}

it('equals a count, message by message, of what lies behind each cursor', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(room, { maxLength: 3 }), async (rooms) => {
      await model.pool.query(
        `truncate read_model.conversations, read_model.members, read_model.messages, read_model.mentions,
         read_model.hidden_messages, read_model.user_conversations, read_model.threads, read_model.thread_followers`,
      );
      const expected = new Map<string, { unread: number; mentions: number; threadUnread: number }>();
      for (const [n, each] of rooms.entries()) {
        const messages = toldOf(each.messages);
        const clamp = (ordinal: number) => Math.min(ordinal, messages.length);
        const joined = clamp(each.joined);
        const expired = clamp(each.expired);
        const read = clamp(each.read);
        await insertTold(n, messages, { ...each, joined, expired, read });
        if (each.isGone) continue;
        const floor = Math.max(read, expired, each.joinedOnly ? joined : 0);
        const shown = messages.filter((told) => !told.isDeleted && !told.isHidden);
        const main = shown.filter((told) => told.root === null && told.ordinal > floor);
        const seesRoot = (root: number) =>
          root > Math.max(expired, each.joinedOnly ? joined : 0) && messages[root - 1]?.isHidden === false;
        const replies = shown.filter((told) => {
          if (told.root === null || !seesRoot(told.root)) return false;
          const follows = each.follows[told.root - 1];
          return (
            follows !== null && follows !== undefined && told.ordinal > Math.max(follows, joined, expired)
          );
        });
        expected.set(uuid(n), {
          unread: main.length,
          mentions: main.filter((told) => (told.namesBob || told.callsAll) && !told.isOwn).length,
          threadUnread: replies.length,
        });
      }
      const seen = await memberships('bob');
      const counts = [...seen].map(([id, { unread, mentions, threadUnread }]) => [
        id,
        { unread, mentions, threadUnread },
      ]);
      expect(new Map(counts as [string, unknown][])).toEqual(expected);
      const sum = (key: 'unread' | 'mentions' | 'threadUnread') =>
        [...expected.values()].reduce((total, each) => total + each[key], 0);
      expect(await unread('bob')).toMatchObject({
        total: sum('unread'),
        mentions: sum('mentions'),
        threads: sum('threadUnread'),
        conversations: [...expected.values()].filter((each) => each.unread > 0).length,
      });
    }),
    { numRuns: 150 },
  );
});

async function insertTold(
  n: number,
  messages: readonly Told[],
  room: {
    read: number;
    joined: number;
    expired: number;
    joinedOnly: boolean;
    isGone: boolean;
    follows: (number | null)[];
  },
): Promise<void> {
  const id = uuid(n);
  const rows = messages.map((told) =>
    messageRow(n, told.ordinal, {
      sender_id: told.isOwn ? 'bob' : 'ann',
      thread_ordinal: told.root,
      mentions_all: told.callsAll,
      deleted_at: told.isDeleted ? new Date() : null,
    }),
  );
  await insertConversation(model.pool, n, rows, {
    expired_ordinal: room.expired,
    settings: { ...DEFAULT_SETTINGS, historyVisibility: room.joinedOnly ? 'joined' : 'shared' },
  });
  const lastOf = (some: readonly Told[]) => Math.max(0, ...some.map(({ ordinal }) => ordinal));
  const named = messages.filter(({ namesBob }) => namesBob);
  const hidden = messages.filter(({ isHidden }) => isHidden);
  await insert(model.pool, 'members', [
    memberRow(n, 'bob', {
      read_ordinal: room.read,
      joined_ordinal: room.joined,
      last_mention_ordinal: lastOf(named.filter(({ root }) => root === null)),
      left_sequence: room.isGone ? 2 : null,
    }),
  ]);
  await insert(
    model.pool,
    'mentions',
    named.map(({ ordinal, root }) => ({
      conversation_id: id,
      user_id: 'bob',
      ordinal,
      sequence: ordinal * 10,
      in_thread: root !== null,
    })),
  );
  await insert(
    model.pool,
    'hidden_messages',
    hidden.map(({ ordinal }) => ({ user_id: 'bob', conversation_id: id, ordinal })),
  );
  if (hidden.length > 0) {
    await insert(model.pool, 'user_conversations', [
      { user_id: 'bob', conversation_id: id, last_hidden_ordinal: lastOf(hidden) },
    ]);
  }
  const roots = [...new Set(messages.flatMap(({ root }) => root ?? []))];
  await insert(
    model.pool,
    'threads',
    roots.map((root) => {
      const replies = messages.filter((told) => told.root === root);
      return {
        conversation_id: id,
        ordinal: root,
        reply_count: replies.length,
        last_reply_ordinal: lastOf(replies),
        last_reply_at: new Date(),
        last_reply_sequence: lastOf(replies) * 10,
      };
    }),
  );
  await insert(
    model.pool,
    'thread_followers',
    roots.flatMap((root) => {
      const read = room.follows[root - 1];
      if (read === null || read === undefined) return [];
      return [
        { conversation_id: id, user_id: 'bob', ordinal: root, followed_from: root, read_ordinal: read },
      ];
    }),
  );
}
