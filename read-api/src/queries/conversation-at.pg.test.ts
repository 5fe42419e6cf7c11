import type { MessageView } from '@parley/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { EPOCH, ReadModel, uuid } from '../testing/read-model.ts';
import { principalOf } from '../testing/rows.ts';
import { type Fact, Story } from '../testing/story.ts';
import { readConversation } from './conversation.ts';
import { readMembers } from './members.ts';
import { readMessages } from './messages.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await ReadModel.start();
});
afterAll(() => model?.stop());
beforeEach(() => model.build());

const params = { conversationId: uuid(1) };
const principal = principalOf('ann');

async function past(asOf: string, userId = 'ann') {
  const principal = principalOf(userId);
  const [conversation, members, messages] = await model.read(async (snapshot) => [
    await readConversation(snapshot, { params, query: { asOf }, principal }),
    await readMembers(snapshot, { params, query: { limit: 500, asOf }, principal }),
    await readMessages(snapshot, { params, query: { limit: 200, asOf }, principal }),
  ]);
  return { conversation: conversation.conversation, me: conversation.me, members, messages };
}

const emoji = fc.constantFrom('👍', '🎉');
const user = fc.constantFrom('ann', 'bob', 'cyn', 'dan');
const slot = fc.nat(20);
/** What somebody tries; where it would not be legal it becomes something that is. */
const attempt = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('send' as const), by: user, slot, inThread: fc.boolean() }),
  },
  fc.record({ kind: fc.constant('edit' as const), slot }),
  fc.record({ kind: fc.constant('delete' as const), slot }),
  fc.record({ kind: fc.constant('react' as const), by: user, slot, emoji, added: fc.boolean() }),
  fc.record({ kind: fc.constant('pin' as const), slot, pinned: fc.boolean() }),
  fc.record({
    kind: fc.constant('member' as const),
    user: fc.constantFrom('bob', 'cyn', 'dan'),
    toggle: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('update' as const), title: fc.constantFrom('A', 'B', null) }),
  fc.record({ kind: fc.constant('archive' as const), archived: fc.boolean() }),
);
type Attempt = typeof attempt extends fc.Arbitrary<infer T> ? T : never;

function factOf(story: Story, tried: Attempt, n: number): Fact {
  const main = story.messages.filter((each) => each.thread_ordinal === null && each.deleted_at === null);
  const living = story.messages.filter((each) => each.deleted_at === null);
  const pick = (from: readonly { ordinal?: unknown }[], at: number) =>
    Number(from[at % from.length]?.ordinal ?? 0);
  if (tried.kind === 'update') return { kind: 'update', changes: { title: tried.title } };
  if (tried.kind === 'archive') return tried;
  if (tried.kind === 'member') {
    const row = story.members.get(tried.user);
    if (!row || row.left_sequence !== null) return { kind: 'join', user: tried.user, role: 'member' };
    return tried.toggle
      ? { kind: 'leave', user: tried.user }
      : { kind: 'role', user: tried.user, role: row.role === 'admin' ? 'member' : 'admin' };
  }
  if (tried.kind === 'send' || living.length === 0) {
    const by = tried.kind === 'send' ? tried.by : 'ann';
    const body = `text ${n}`;
    const thread =
      tried.kind === 'send' && tried.inThread && main.length > 0 ? pick(main, tried.slot) : undefined;
    return thread === undefined ? { kind: 'send', by, body } : { kind: 'send', by, body, thread };
  }
  const ordinal = pick(living, tried.slot);
  if (tried.kind === 'edit') return { kind: 'edit', by: 'ann', ordinal, body: `text ${n}` };
  if (tried.kind === 'delete') return { kind: 'delete', by: 'ann', ordinal };
  if (tried.kind === 'pin') return { kind: 'pin', by: 'ann', ordinal, pinned: tried.pinned };
  return { kind: 'react', by: tried.by, ordinal, emoji: tried.emoji, added: tried.added };
}

interface PlainMessage {
  ordinal: number;
  body: string | null;
  edits: number;
  thread: number | null;
  pinned: boolean;
  reactions: Map<string, Set<string>>;
}

/** Everything told once more, the simple way: fact after fact, with what is deleted by the end of all of them gone. */
function naive(facts: readonly Fact[], gone: ReadonlySet<number>) {
  const messages: PlainMessage[] = [];
  const members = new Map<string, string>([
    ['ann', 'owner'],
    ['bob', 'member'],
  ]);
  const about: { title: string | null; archived: boolean } = { title: 'Room', archived: false };
  for (const fact of facts) {
    const message = 'ordinal' in fact ? messages[fact.ordinal - 1] : undefined;
    if (fact.kind === 'send') {
      const thread = fact.thread ?? null;
      const reactions = new Map<string, Set<string>>();
      messages.push({
        ordinal: messages.length + 1,
        body: fact.body,
        edits: 0,
        thread,
        pinned: false,
        reactions,
      });
    } else if (fact.kind === 'join' || fact.kind === 'role') members.set(fact.user, fact.role);
    else if (fact.kind === 'leave') members.delete(fact.user);
    else if (fact.kind === 'update' && fact.changes.title !== undefined) about.title = fact.changes.title;
    else if (fact.kind === 'archive') about.archived = fact.archived;
    else if (message && fact.kind === 'edit')
      Object.assign(message, { body: fact.body, edits: message.edits + 1 });
    else if (message && fact.kind === 'pin') message.pinned = fact.pinned;
    else if (message && fact.kind === 'react') {
      const users = message.reactions.get(fact.emoji) ?? new Set();
      if (fact.added) users.add(fact.by);
      else users.delete(fact.by);
      message.reactions.set(fact.emoji, users);
    }
  }
  const last = messages.filter((each) => each.thread === null).at(-1);
  return {
    about: {
      ...about,
      memberCount: members.size,
      messageCount: messages.length,
      last: last ? [last.ordinal, gone.has(last.ordinal) ? null : last.body] : null,
    },
    members: [...members].sort(([a], [b]) => (a < b ? -1 : 1)),
    messages: messages.map((each) => {
      const replies = messages.filter(
        (reply) => reply.thread === each.ordinal && !gone.has(reply.ordinal),
      ).length;
      if (gone.has(each.ordinal)) return { ordinal: each.ordinal, body: null, replies };
      const reactions = [...each.reactions].flatMap(([name, users]) =>
        users.size > 0 ? [[name, users.size]] : [],
      );
      const { ordinal, body, edits, pinned } = each;
      return { ordinal, body, replies, edits, pinned, reactions: reactions.sort() };
    }),
  };
}

function plain(view: MessageView) {
  const { ordinal, body } = view;
  const replies = view.thread?.count ?? 0;
  if (view.deleted) return { ordinal, body, replies };
  const reactions = view.reactions.map((each) => [each.emoji, each.count]);
  return {
    ordinal,
    body,
    replies,
    edits: view.edited?.count ?? 0,
    pinned: view.pinned,
    reactions: reactions.sort(),
  };
}

it('equals the facts up to a moment, told one after another, at every sequence and at every time', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(attempt, { minLength: 1, maxLength: 25 }), async (attempts) => {
      await model.build();
      const story = new Story(uuid(1));
      const facts: Fact[] = [];
      const places = [story.place];
      for (const [n, tried] of attempts.entries()) {
        const fact = factOf(story, tried, n);
        facts.push(fact);
        places.push(story.add(fact));
      }
      await story.insert(model.pool);
      const gone = new Set(facts.flatMap((each) => (each.kind === 'delete' ? [each.ordinal] : [])));
      for (const [count, { sequence, at, version }] of places.entries()) {
        const expected = naive(facts.slice(0, count), gone);
        for (const asOf of [`${EPOCH}:${sequence}`, at]) {
          const { conversation, members, messages } = await past(asOf);
          const { title, archived, memberCount, messageCount, lastMessage } = conversation;
          const last = lastMessage && [lastMessage.ordinal, lastMessage.preview];
          expect({ title, archived, memberCount, messageCount, last }).toEqual(expected.about);
          expect(members.items.map((each) => [each.userId, each.role])).toEqual(expected.members);
          expect(messages.items.map(plain)).toEqual(expected.messages);
          expect(messages.version).toBeLessThanOrEqual(version);
        }
      }
    }),
    { numRuns: 25 },
  );
});

it('says of the newest moment what the present answer says', async () => {
  const story = new Story(uuid(1)).send(5);
  story.add({ kind: 'send', by: 'bob', body: 'reply', thread: 2 });
  story.add({ kind: 'edit', by: 'ann', ordinal: 1, body: 'better' });
  story.add({ kind: 'react', by: 'bob', ordinal: 2, emoji: '👍', added: true });
  story.add({ kind: 'delete', by: 'bob', ordinal: 3 });
  await story.insert(model.pool);
  const present = await model.read(async (snapshot) => [
    await readConversation(snapshot, { params, query: {}, principal }),
    await readMessages(snapshot, { params, query: { limit: 200 }, principal }),
  ]);
  const { conversation, messages } = await past(`${EPOCH}:${story.place.sequence}`);
  expect([{ ...present[0], me: null }, present[1]]).toEqual([
    { asOf: `${EPOCH}:10`, conversation, me: null },
    messages,
  ]);
});

it('is not there before it began', async () => {
  await new Story(uuid(1), { sequence: 5 }).insert(model.pool);
  for (const asOf of [`${EPOCH}:4`, '2025-12-31T23:59:59Z', '0000-01-01T00:00:00Z']) {
    await expect(past(asOf)).rejects.toMatchObject({ code: 'not-found' });
  }
});

it('begins with joining where history is for members only, and never does for a visitor', async () => {
  const settings = { historyVisibility: 'joined' as const };
  const story = new Story(uuid(1), { type: 'channel', settings }).send(2);
  const before = story.place;
  const joined = story.add({ kind: 'join', user: 'cyn', role: 'member' });
  story.send(1);
  await story.insert(model.pool);
  const momentsOf = ({ sequence, at }: typeof joined) => [`${EPOCH}:${sequence}`, at];
  for (const asOf of momentsOf(joined)) {
    expect((await past(asOf, 'cyn')).members.items.map((each) => each.userId)).toEqual(['ann', 'bob', 'cyn']);
    expect((await past(asOf, 'cyn')).conversation.memberCount).toBe(3);
  }
  const isNotFound = async (userId: string, asOf: string) => {
    const request = { params, principal: principalOf(userId) };
    const notFound = { code: 'not-found' };
    await expect(
      model.read((it) => readConversation(it, { ...request, query: { asOf } })),
    ).rejects.toMatchObject(notFound);
    await expect(
      model.read((it) => readMembers(it, { ...request, query: { limit: 9, asOf } })),
    ).rejects.toMatchObject(notFound);
  };
  for (const asOf of momentsOf(before)) await isNotFound('cyn', asOf);
  for (const asOf of [...momentsOf(joined), `${EPOCH}:${Number.MAX_SAFE_INTEGER}`])
    await isNotFound('zoe', asOf);
  for (const asOf of momentsOf(before)) expect((await past(asOf, 'bob')).conversation.memberCount).toBe(2);
});

it('shows no cursors, and nothing of the reader', async () => {
  const story = new Story(uuid(1)).send(3);
  await story.insert(model.pool);
  const { me, members } = await past('9999-12-31T23:59:59Z');
  expect(me).toBeNull();
  expect(members.items.map((each) => [each.readOrdinal, each.deliveredOrdinal])).toEqual([
    [null, null],
    [null, null],
  ]);
});

it('does not bring back what was deleted, hidden or expired since', async () => {
  const story = new Story(uuid(1), { row: { expired_ordinal: 1 } }).send(4);
  const before = story.place;
  story.add({ kind: 'delete', by: 'ann', ordinal: 3 });
  await story.insert(model.pool);
  await model.pool.query(`insert into read_model.hidden_messages values ('ann', $1, 4)`, [uuid(1)]);
  const { conversation, messages } = await past(`${EPOCH}:${before.sequence}`);
  expect(messages.items.map(({ ordinal, body }) => [ordinal, body])).toEqual([
    [2, 'message 2'],
    [3, null],
  ]);
  expect(messages.hasBefore).toBe(false);
  expect(conversation.lastMessage).toMatchObject({ ordinal: 4, preview: null });
});
