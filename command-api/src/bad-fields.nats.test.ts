import { type CommandInput, type CommandType, commandSchemas, serviceCommands } from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HttpRig } from './testing/http-rig.ts';

let rig: HttpRig;
let api: string;
/** A group of anna's, and the key of a message in it. */
const [room, messageId] = [uuidv7(), uuidv7()];

const inRoom = { conversationId: room };
const onMessage = { ...inRoom, messageId };
const user = { userId: 'ben' };
const at = new Date(Date.now() + 3_600_000).toISOString();

/** Data that fits. */
const good: { [T in CommandType]: CommandInput<T> } = {
  'conversation.create': {
    type: 'broadcast',
    conversationId: uuidv7(),
    title: 't',
    description: 'd',
    members: [],
    audience: { kind: 'all' },
    settings: { readOnly: true },
  },
  'conversation.update': {
    ...inRoom,
    title: 't',
    description: 'd',
    avatar: 'a',
    settings: { readOnly: true },
  },
  'conversation.archive': { ...inRoom, reason: 'r' },
  'conversation.unarchive': { ...inRoom, reason: 'r' },
  'conversation.delete': { ...inRoom, reason: 'r' },
  'conversation.join': inRoom,
  'conversation.leave': inRoom,
  'conversation.expire-messages': { ...inRoom, throughOrdinal: 1 },
  'members.add': { ...inRoom, members: [user] },
  'members.remove': { ...inRoom, userIds: ['ben'], reason: 'r' },
  'members.set-role': { ...inRoom, ...user, role: 'guest' },
  'members.ban': { ...inRoom, ...user, until: at, reason: 'r' },
  'members.unban': { ...inRoom, ...user },
  'members.invite': { ...inRoom, userIds: ['dora'], role: 'guest', expiresAt: at },
  'members.accept-invite': inRoom,
  'members.decline-invite': inRoom,
  'message.send': {
    ...inRoom,
    body: 'b',
    format: 'plain',
    attachments: [],
    replyTo: messageId,
    threadId: messageId,
    metadata: {},
  },
  'message.edit': { ...onMessage, sequence: 1, body: 'b', format: 'plain' },
  'message.delete': { ...onMessage, sequence: 1, reason: 'r' },
  'message.react': { ...onMessage, sequence: 1, emoji: '👍' },
  'message.unreact': { ...onMessage, sequence: 1, emoji: '👍' },
  'message.pin': { ...onMessage, sequence: 1 },
  'message.unpin': { ...onMessage, sequence: 1 },
  'message.report': { ...onMessage, sequence: 1, reason: 'spam', note: 'n' },
  'message.schedule': { ...inRoom, at, message: { body: 'later' } },
  'message.cancel-schedule': { scheduleId: uuidv7() },
  'message.deliver-scheduled': { ...user, scheduleId: uuidv7() },
  'messages.read': { ...inRoom, ordinal: 1, private: true, threadId: messageId },
  'messages.delivered': { ...inRoom, ordinal: 1 },
  'messages.mark-unread': { ...inRoom, ordinal: 1 },
  'user.set-profile': { displayName: 'n', avatar: 'a', statusText: 's', lastSeenVisible: true },
  'user.set-preferences': { notifications: {}, conversations: {}, unarchiveOnMessage: true },
  'user.mute': { ...inRoom, until: at },
  'user.unmute': inRoom,
  'user.archive': inRoom,
  'user.unarchive': inRoom,
  'user.pin': inRoom,
  'user.unpin': inRoom,
  'user.hide-message': { ...onMessage, sequence: 1 },
  'user.block': user,
  'user.unblock': user,
  'user.register-device': { deviceId: 'd', platform: 'ios', name: 'n' },
  'user.remove-device': { deviceId: 'd' },
  'notifications.read': { upTo: 1 },
};
const types = Object.keys(good) as CommandType[];

/** No field of any command takes one of these, but for the exceptions below. */
const NOTHING_TAKES = [
  7.5,
  -1,
  '',
  'a\u0000b',
  ['\u0000'],
  [null],
  { kind: 'none', '\u0000': 'x' },
  [[]],
  '☃'.repeat(70_000),
];
/** An empty text takes a description and the like away, and metadata may be any object. */
const MAY_BE: Record<string, (value: unknown) => boolean> = {
  description: (value) => value === '',
  statusText: (value) => value === '',
  reason: (value) => value === '',
  note: (value) => value === '',
  metadata: (value) => typeof value === 'object' && !Array.isArray(value),
};

/** The reason of a report is one of a list. */
function mayBe(type: CommandType, field: string, value: unknown): boolean {
  return !(type === 'message.report' && field === 'reason') && (MAY_BE[field]?.(value) ?? false);
}

interface Wrong {
  type: CommandType;
  field: string;
  data: object;
}

function wrongFields(type: CommandType): Wrong[] {
  return Object.keys(commandSchemas[type].data.shape).flatMap((field) =>
    NOTHING_TAKES.filter((value) => !mayBe(type, field, value)).map((value) => ({
      type,
      field,
      data: { ...good[type], [field]: value },
    })),
  );
}

const actorOf = (type: CommandType): string => (serviceCommands.has(type) ? 'notifier' : 'anna');

async function answersTo(userId: string, items: { type: CommandType; data: object }[]) {
  const answers: { status: number; body: { code: string; errors?: { path: string }[] } }[] = [];
  for (let start = 0; start < items.length; start += 10) {
    const part = items.slice(start, start + 10).map(({ type, data }) => ({ key: uuidv7(), type, data }));
    const { status, body } = await rig.post(`${api}/v1/commands`, userId, part, { key: null });
    expect([status, body]).toEqual([200, { items: expect.any(Array) }]);
    answers.push(...body.items);
  }
  return answers;
}

beforeAll(async () => {
  rig = await HttpRig.start();
  api = await rig.serve();
  const create = { type: 'group', conversationId: room, members: [user] };
  await rig.post(`${api}/v1/commands/conversation.create`, 'anna', create);
  const send = { conversationId: room, body: 'first' };
  await rig.post(`${api}/v1/commands/message.send`, 'anna', send, { key: messageId });
}, 120_000);
afterAll(() => rig?.stop());

describe('in every command', () => {
  test('each field refuses what does not fit by its path, and nothing is appended', async () => {
    expect(new Set(types)).toEqual(new Set(Object.keys(commandSchemas)));
    const before = await rig.head();
    for (const type of types) {
      const wrong = wrongFields(type);
      expect(wrong.length).toBeGreaterThan(0);
      const answers = await answersTo(actorOf(type), wrong);
      for (const [n, { status, body }] of answers.entries()) {
        const { field, data } = wrong[n] ?? { field: '', data: {} };
        const value = JSON.stringify((data as Record<string, unknown>)[field]).slice(0, 40);
        expect([type, field, value, status, body.code]).toEqual([type, field, value, 400, 'invalid-request']);
        const path = body.errors?.[0]?.path.split('.').slice(1, 3);
        expect([type, value, path]).toEqual([type, value, ['data', field]]);
      }
    }
    expect(await rig.head()).toBe(before);
  }, 60_000);

  test('an unknown field is refused by its name', async () => {
    const before = await rig.head();
    const items = types.map((type) => ({ type, data: { ...good[type], colour: 'red' } }));
    for (const [n, item] of items.entries()) {
      const [answer] = await answersTo(actorOf(item.type), [item]);
      expect([types[n], answer?.status, answer?.body.errors]).toEqual([
        types[n],
        400,
        [{ path: '0.data.colour', message: 'unknown field' }],
      ]);
    }
    expect(await rig.head()).toBe(before);
  });

  test('a conversation that one may not know of is not found', async () => {
    const before = await rig.head();
    const about = types.filter((type) => 'conversationId' in good[type] && type !== 'conversation.create');
    const visible = about.filter((type) => !serviceCommands.has(type));
    const answers = await answersTo(
      'eve',
      visible.map((type) => ({
        type,
        data: { ...good[type], ...(type === 'message.send' && { replyTo: undefined }) },
      })),
    );
    expect(answers.map(({ status, body }, n) => [visible[n], status, body.code])).toEqual(
      visible.map((type) => [type, 404, 'not-found']),
    );
    expect(await rig.head()).toBe(before);
  });
});
