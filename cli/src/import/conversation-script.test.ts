import { commandSchemas, directConversationId } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Step, Turn } from '../demo/script.ts';
import { ConversationScript } from './conversation-script.ts';
import type { Conversation, MessageItem, MoveItem } from './item.ts';

const room: Conversation = {
  key: 'test room',
  type: 'channel',
  title: 'Room',
  members: [],
  finalMembers: null,
};
const scriptOf = (changes: Partial<Conversation> = {}) =>
  new ConversationScript({ ...room, ...changes }, 'keeper', () => 1_000);
const said = (id: string, user: string, more: Partial<MessageItem> = {}): MessageItem => {
  return { kind: 'message', place: id, id, user, text: id, imported: { id }, answerable: true, ...more };
};
const moved = (kind: 'join' | 'leave', id: string, user: string): MoveItem => ({ kind, place: id, id, user });

/** Who does what, in a word each. */
const shortly = (turns: readonly Turn[]): string[] =>
  turns.flatMap(({ actor, steps }) =>
    steps.map(({ type, data }) => {
      const named =
        'members' in data ? (data.members ?? []).map((member) => `${member.userId}:${member.role}`) : [];
      const users = 'userIds' in data ? (data.userIds ?? []) : [];
      return [actor, type, ...named, ...users].join(' ').replaceAll(':undefined', '');
    }),
  );

function playAll(script: ConversationScript, items: readonly (MessageItem | MoveItem)[]): Turn[] {
  return [...script.open(), ...items.flatMap((item) => script.play(item).turns), ...script.close()];
}

describe('a conversation as commands', () => {
  test('of a channel: who speaks joins first, with the message in one request, and reacts as themselves', () => {
    const script = scriptOf();
    const item = said('1', 'anna', {
      reactions: [
        { user: 'anna', emoji: ':a:' },
        { user: 'ben', emoji: ':a:' },
      ],
    });
    expect(shortly(script.open())).toEqual(['keeper conversation.create', 'keeper conversation.update']);
    const { turns } = script.play(item);
    expect(turns.map(({ steps }) => steps.length)).toEqual([2, 1, 2]);
    expect(shortly(turns)).toEqual([
      'anna conversation.join',
      'anna message.send',
      'anna message.react',
      'ben conversation.join',
      'ben message.react',
    ]);
  });

  test('of a group: its owner brings people in, and at the end those are in whom the source names', () => {
    const script = scriptOf({
      type: 'group',
      creator: 'anna',
      finalMembers: ['anna', 'carl'],
      archived: true,
    });
    expect(
      shortly(playAll(script, [said('1', 'ben'), moved('leave', '2', 'anna'), said('3', 'anna')])),
    ).toEqual([
      'keeper conversation.create',
      'keeper conversation.update',
      'keeper members.add anna:owner',
      'keeper members.add ben',
      'ben message.send',
      'anna conversation.leave',
      'keeper members.add anna',
      'anna message.send',
      'keeper members.add carl',
      'keeper members.remove ben',
      'keeper conversation.archive',
    ]);
  });

  test('of two: they make it themselves, and nobody else says anything there', () => {
    const script = scriptOf({ type: 'direct', members: ['anna', 'ben'] });
    expect(script.conversationId).toBe(directConversationId('ben', 'anna'));
    expect(shortly(playAll(script, [said('1', 'ben')]))).toEqual([
      'anna conversation.create ben',
      'ben message.send',
    ]);
    const reactions = [{ user: 'carl', emoji: ':a:' }];
    expect(script.play(said('2', 'carl'))).toMatchObject({ turns: [], skipped: [{ loss: true }] });
    expect(script.play(said('3', 'ben', { reactions })).skipped).toMatchObject([{ loss: true }]);
  });

  test('of a thread: replies name its first message by an id that follows from the source', () => {
    const script = scriptOf();
    const sendOf = (item: MessageItem): Step | undefined =>
      script
        .play(item)
        .turns.flatMap(({ steps }) => steps)
        .find(({ type }) => type === 'message.send');
    const root = sendOf(said('1', 'anna'));
    const reply = sendOf(said('2', 'anna', { thread: '1', replyTo: ['0', '1'] }));
    expect(reply?.data).toMatchObject({ threadId: root?.key, replyTo: root?.key });
    const orphan = script.play(said('3', 'anna', { thread: '99', replyTo: ['98'] }));
    const [step] = orphan.turns.flatMap(({ steps }) => steps);
    expect(step?.data).not.toHaveProperty('threadId');
    expect(step?.data).toMatchObject({ metadata: { imported: { id: '3', thread: '99', replyTo: '98' } } });
    expect(orphan.changed).toHaveLength(2);
  });

  test('of a long text: parts with keys of their own; of no text: nothing, which is told', () => {
    const { turns, changed } = scriptOf().play(said('1', 'anna', { text: 'x'.repeat(25_000) }));
    expect(shortly(turns)).toEqual(['anna conversation.join', ...Array(3).fill('anna message.send')]);
    expect(changed).toEqual(['long text in parts']);
    expect(scriptOf().play(said('1', 'anna', { text: ' ' }))).toMatchObject({
      turns: [],
      skipped: [{ loss: false }],
    });
  });

  test('of a deleted message: it is sent and deleted, so that answers to it have their place', () => {
    const { turns } = scriptOf().play(
      said('1', 'anna', { deleted: true, reactions: [{ user: 'ben', emoji: 'x' }] }),
    );
    expect(shortly(turns)).toEqual(['anna conversation.join', 'anna message.send', 'anna message.delete']);
  });

  test('of what was said: at the end it is read by all who are in, and threads by those who follow them', () => {
    const script = scriptOf({ finalMembers: ['anna', 'ben', 'dora'] });
    const root = said('1', 'anna');
    const called = said('2', 'ben', { thread: '1', text: 'ask <@carl> or <@dora>' });
    expect([...script.read()]).toEqual([]);
    playAll(script, [said('0', 'dora'), root, called, said('3', 'carl')]);
    script.stored(4);
    script.stored(3);
    const reads = [...script.read()].map(({ actor, steps }) => [
      actor,
      steps.map(({ data }) => ('threadId' in data ? 'thread' : 'ordinal' in data && data.ordinal)),
    ]);
    expect(reads).toEqual([
      ['keeper', [4]],
      ['dora', [4, 'thread']],
      ['anna', [4, 'thread']],
      ['ben', [4]],
    ]);
    const keys = [...script.read()].flatMap(({ steps }) => steps.map(({ key }) => key));
    expect([...script.read()].flatMap(({ steps }) => steps.map(({ key }) => key))).toEqual(keys);
    script.stored(5);
    const later = [...script.read()].flatMap(({ steps }) => steps.map(({ key }) => key));
    expect(new Set([...keys, ...later]).size).toBe(12);
  });
});

const user = fc.constantFrom('anna', 'ben', 'carl', 'keeper');
const id = fc.integer({ min: 0, max: 30 }).map(String);
const anyItem = fc.oneof(
  fc.record({ kind: fc.constantFrom('join' as const, 'leave' as const), id, user }),
  fc.record({
    kind: fc.constant('message' as const),
    id,
    user,
    text: fc.constantFrom('hi', 'tea? 🍵', ' ', '', 'x'.repeat(10_001)),
    thread: fc.option(id, { nil: undefined }),
    reactions: fc.array(fc.record({ user, emoji: fc.constantFrom(':a:', ':b:') }), { maxLength: 3 }),
  }),
);
const anyItems = fc.array(anyItem, { maxLength: 40 }).map((items) =>
  items.map((item, n) => {
    const placed = { ...item, id: String(n), place: String(n) };
    return placed.kind === 'message'
      ? said(placed.id, placed.user, placed)
      : moved(placed.kind, placed.id, placed.user);
  }),
);
const anyConversation = fc.record({
  type: fc.constantFrom('channel' as const, 'group' as const),
  creator: fc.constantFrom(undefined, 'anna'),
  finalMembers: fc.option(fc.uniqueArray(user), { nil: null }),
  archived: fc.boolean(),
});

test('the same items give the same commands, each valid and with a key of its own, and nobody enters who is in or goes who is not', () => {
  fc.assert(
    fc.property(anyConversation, anyItems, (conversation, items) => {
      const turns = playAll(scriptOf(conversation), items);
      expect(playAll(scriptOf(conversation), items)).toEqual(turns);
      const steps = turns.flatMap(({ steps }) => steps);
      expect(new Set(steps.map(({ key }) => key)).size).toBe(steps.length);
      for (const { type, data } of steps) {
        expect(commandSchemas[type].data.safeParse(data).success).toBe(true);
      }
      const members = new Set<string>(['keeper']);
      const enter = (userId: string): void => {
        expect(members.has(userId)).toBe(false);
        members.add(userId);
      };
      for (const { actor, steps } of turns) {
        for (const { type, data } of steps) {
          if (type === 'conversation.join') enter(actor);
          else if (type === 'members.add') for (const { userId } of data.members) enter(userId);
          else if (type === 'conversation.leave') expect(members.delete(actor)).toBe(true);
          else if (type === 'members.remove')
            for (const each of data.userIds) expect(members.delete(each)).toBe(true);
          else expect(members.has(actor)).toBe(true);
        }
      }
      const { finalMembers } = conversation;
      if (finalMembers) expect(members).toEqual(new Set([...finalMembers, 'keeper']));
    }),
  );
});
