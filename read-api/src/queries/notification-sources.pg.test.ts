import { DEFAULT_SETTINGS, type NotificationKind, type NotificationsPage } from '@parley/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, askAll } from '../testing/ask.ts';
import { ReadModel, timeOf, uuid } from '../testing/read-model.ts';
import {
  insert,
  insertConversation,
  insertReactions,
  memberRow,
  messageRow,
  principalOf,
} from '../testing/rows.ts';
import { readNotifications } from './notifications.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
  await model.build();
});
afterAll(() => model?.stop());

const MOST = 12;
const FIRST_REACTION = 100;
const kinds: NotificationKind[] = ['mention', 'reply', 'thread', 'all', 'reaction'];
const ordinal = fc.nat(MOST);
const rarely = fc.integer({ min: 0, max: 4 }).map((n) => n === 0);
const message = fc.record({
  root: fc.oneof(fc.constant(0), fc.nat(3)),
  isOwn: fc.nat(2).map((n) => n === 0),
  isDeleted: rarely,
  isHidden: rarely,
  namesBob: rarely,
  repliesToBob: rarely,
  callsAll: fc.boolean(),
});
const reactionTo = fc.record({
  to: fc.integer({ min: 1, max: 6 }),
  emoji: fc.constantFrom('👍', ':party:'),
  by: fc.constantFrom('ann', 'bob', 'cyn'),
  added: fc.nat(2).map((n) => n > 0),
});
const world = fc.record({
  messages: fc.array(message, { maxLength: MOST, size: '+1' }),
  reactions: fc.array(reactionTo, { maxLength: 8, size: '+1' }),
  follows: fc.array(fc.option(fc.record({ from: fc.nat(5), read: ordinal }), { nil: null }), {
    minLength: MOST,
    maxLength: MOST,
  }),
  joined: fc.oneof(fc.constant(0), ordinal),
  expired: fc.oneof(fc.constant(0), fc.nat(4)),
  read: ordinal,
  joinedOnly: fc.boolean(),
  mute: fc.option(fc.record({ from: ordinal, until: ordinal }), { nil: null }),
  off: fc.subarray(kinds, { maxLength: 1 }),
  level: fc.constantFrom('all', 'all', 'all', 'mentions', 'none'),
  readThrough: fc.oneof(fc.constant(0), ordinal),
});
type World = typeof world extends fc.Arbitrary<infer T> ? T : never;
type Message = World['messages'][number] & { ordinal: number; thread: number | null };

/** A message is in the thread of the main message that it names, when there is one before it. */
function messagesOf({ messages }: World): Message[] {
  const main = new Set<number>();
  return messages.map((each, i) => {
    const thread = main.has(each.root) ? each.root : null;
    if (thread === null) main.add(i + 1);
    return { ...each, ordinal: i + 1, thread };
  });
}

interface Told {
  kind: NotificationKind;
  ordinal: number;
  sequence: number;
  read: boolean;
}

/** One fact after the other, as the glossary has it. */
function expectedOf(given: World, messages: readonly Message[]): Told[] {
  const hiddenThrough = Math.max(given.expired, given.joinedOnly ? given.joined : 0);
  const isVisible = (each: Message) => !each.isDeleted && !each.isHidden && each.ordinal > hiddenThrough;
  const told: Told[] = [];
  for (const each of messages) {
    const kind = kindOf(each, given);
    if (kind === null || each.isOwn || !isVisible(each) || each.ordinal <= given.joined) continue;
    const cursor = each.thread === null ? given.read : (given.follows[each.thread - 1]?.read ?? 0);
    const read = each.ordinal <= given.readThrough || each.ordinal <= cursor;
    told.push({ kind, ordinal: each.ordinal, sequence: each.ordinal * 10, read });
  }
  const newest = new Map<string, number>();
  for (const [i, { to, emoji, by }] of given.reactions.entries())
    newest.set(JSON.stringify([to, emoji, by]), i);
  for (const i of newest.values()) {
    const reaction = given.reactions[i];
    const target = messages[(reaction?.to ?? 0) - 1];
    if (!reaction?.added || reaction.by === 'bob' || !target?.isOwn || !isVisible(target)) continue;
    told.push({
      kind: 'reaction',
      ordinal: target.ordinal,
      sequence: (FIRST_REACTION + i) * 10,
      read: false,
    });
  }
  return told.filter((each) => isWanted(given, each)).sort((a, b) => b.sequence - a.sequence);
}

function kindOf(each: Message, { follows, off }: World): NotificationKind | null {
  if (each.namesBob && !off.includes('mention')) return 'mention';
  if (each.repliesToBob && !off.includes('reply')) return 'reply';
  const followed = each.thread === null ? null : follows[each.thread - 1];
  if (followed && each.ordinal > followed.from) return 'thread';
  return each.callsAll && each.thread === null ? 'all' : null;
}

function isWanted({ mute, off, level }: World, { kind, sequence }: Told): boolean {
  if (off.includes(kind) || level === 'none') return false;
  if (level === 'mentions' && (kind === 'thread' || kind === 'reaction')) return false;
  return mute === null || !(sequence > mute.from * 10 && sequence < mute.until * 10);
}

async function store(given: World, messages: readonly Message[]): Promise<void> {
  const { pool } = model;
  const id = uuid(1);
  await pool.query(`truncate read_model.conversations, read_model.members, read_model.messages, read_model.mentions,
    read_model.hidden_messages, read_model.user_conversations, read_model.threads, read_model.thread_followers,
    read_model.reactions, read_model.users`);
  await insertConversation(
    pool,
    1,
    messages.map((each) =>
      messageRow(1, each.ordinal, {
        sender_id: each.isOwn ? 'bob' : 'ann',
        thread_ordinal: each.thread,
        reply_to_author: each.repliesToBob ? 'bob' : null,
        mentions_all: each.callsAll && each.thread === null,
        deleted_at: each.isDeleted ? timeOf(99) : null,
      }),
    ),
    {
      expired_ordinal: given.expired,
      settings: { ...DEFAULT_SETTINGS, historyVisibility: given.joinedOnly ? 'joined' : 'shared' },
    },
  );
  await insert(pool, 'members', [
    memberRow(1, 'bob', {
      joined_ordinal: given.joined,
      // One commit may hold the last message before the user joined and the joining.
      joined_sequence: given.joined * 10,
      read_ordinal: given.read,
    }),
  ]);
  const named = messages.filter(({ namesBob }) => namesBob);
  await insert(
    pool,
    'mentions',
    named.map(({ ordinal, thread }) => ({
      conversation_id: id,
      user_id: 'bob',
      ordinal,
      sequence: ordinal * 10,
      in_thread: thread !== null,
    })),
  );
  const hidden = messages.filter(({ isHidden }) => isHidden);
  await insert(
    pool,
    'hidden_messages',
    hidden.map(({ ordinal }) => ({ user_id: 'bob', conversation_id: id, ordinal })),
  );
  await storeThreads(given, messages);
  await insertReactions(
    pool,
    given.reactions.map(({ to, emoji, by, added }, i) => ({
      conversation_id: id,
      ordinal: to,
      emoji,
      user_id: by,
      version: FIRST_REACTION + i,
      sequence: (FIRST_REACTION + i) * 10,
      at: timeOf(FIRST_REACTION + i),
      author_id: messages[to - 1]?.isOwn ? 'bob' : 'ann',
      added,
    })),
  );
  await storeUser(given);
}

async function storeThreads(given: World, messages: readonly Message[]): Promise<void> {
  const newest = new Map(messages.map(({ thread, ordinal }) => [thread, ordinal]));
  newest.delete(null);
  const roots = [...newest].map(([root, last]) => ({ root: Number(root), last }));
  await insert(
    model.pool,
    'threads',
    roots.map(({ root, last }) => ({
      conversation_id: uuid(1),
      ordinal: root,
      reply_count: 1,
      last_reply_ordinal: last,
      last_reply_at: timeOf(last),
      last_reply_sequence: last * 10,
    })),
  );
  await insert(
    model.pool,
    'thread_followers',
    roots.flatMap(({ root }) => {
      const followed = given.follows[root - 1];
      if (!followed) return [];
      const { from, read } = followed;
      return [
        { user_id: 'bob', conversation_id: uuid(1), ordinal: root, followed_from: from, read_ordinal: read },
      ];
    }),
  );
}

async function storeUser({ off, level, mute, readThrough }: World): Promise<void> {
  const notifications = { reaction: true, ...Object.fromEntries(off.map((kind) => [kind, false])) };
  await insert(model.pool, 'users', [
    {
      user_id: 'bob',
      preferences: { notifications, conversations: { [uuid(1)]: level } },
      notifications_read_sequence: readThrough * 10,
      version: 1,
      sequence: 1,
    },
  ]);
  if (mute === null) return;
  await insert(model.pool, 'user_conversations', [
    {
      user_id: 'bob',
      conversation_id: uuid(1),
      muted_sequence: mute.from * 10,
      muted_until: timeOf(mute.until),
    },
  ]);
}

it('tell what a look at each fact by itself tells, on pages of any size', async () => {
  const seen = new Set<NotificationKind>();
  await fc.assert(
    fc.asyncProperty(world, fc.integer({ min: 1, max: 6 }), async (given, limit) => {
      const messages = messagesOf(given);
      await store(given, messages);
      const page = (query: { unread?: 'true' }, cursor: string | undefined): Promise<NotificationsPage> =>
        ask(
          model,
          ['notifications', readNotifications],
          { ...query, limit: String(limit), cursor },
          principalOf('bob'),
        );
      const told = async (query: { unread?: 'true' }) =>
        (await askAll((cursor) => page(query, cursor), limit)).map(({ kind, ordinal, sequence, read }) => ({
          kind,
          ordinal,
          sequence,
          read,
        }));
      const expected = expectedOf(given, messages);
      for (const { kind } of expected) seen.add(kind);
      expect(await told({})).toEqual(expected);
      expect(await told({ unread: 'true' })).toEqual(expected.filter(({ read }) => !read));
    }),
    { numRuns: 150 },
  );
  expect([...seen].sort()).toEqual([...kinds].sort());
});
