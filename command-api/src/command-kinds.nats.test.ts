import { type CommandType, commandSchemas, parsePosition, userSubject } from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { HttpRig } from './testing/http-rig.ts';
import { commitsOn } from './testing/writer-rig.ts';

let rig: HttpRig;
let api: string;
let other: string;
/** A group of anna's with ben, and a message in it. */
let room: string;

const command = (type: string, userId: string, data: unknown, options?: Parameters<HttpRig['post']>[3]) =>
  rig.post(`${api}/v1/commands/${type}`, userId, data, options);

async function newRoom(): Promise<string> {
  const { body } = await command('conversation.create', 'anna', {
    type: 'group',
    members: [{ userId: 'ben' }],
  });
  return body.result.conversationId;
}

beforeAll(async () => {
  rig = await HttpRig.start();
  [api, other] = await Promise.all([rig.serve(), rig.serve()]);
  room = await newRoom();
  await command('message.send', 'anna', { conversationId: room, body: 'first' });
}, 120_000);
afterAll(() => rig?.stop());

test('a command of every type carries a result of its schema', async () => {
  const id = await newRoom();
  const [key, schedule, failing] = [uuidv7(), uuidv7(), uuidv7()];
  const at = new Date(Date.now() + 3_600_000).toISOString();
  const soon = new Date(Date.now() + 2_000).toISOString();
  const inRoom = { conversationId: id };
  const onMessage = { ...inRoom, messageId: key };
  const cleo = { ...inRoom, userId: 'cleo' };
  const later = { ...inRoom, at, message: { body: 'later' } };
  const device = { deviceId: 'd', platform: 'ios' };
  type Step = [type: CommandType, userId: string, data: object, options?: Parameters<HttpRig['post']>[3]];
  const steps: Step[] = [
    ['members.add', 'anna', { ...inRoom, members: [{ userId: 'cleo' }] }],
    ['message.send', 'cleo', { ...inRoom, body: 'hi' }, { key }],
    ['messages.delivered', 'ben', { ...inRoom, ordinal: 1 }],
    ['messages.read', 'ben', { ...inRoom, ordinal: 1 }],
    ['messages.mark-unread', 'ben', { ...inRoom, ordinal: 1 }],
    ['message.edit', 'cleo', { ...onMessage, body: 'hi!' }],
    ['message.react', 'ben', { ...onMessage, emoji: '👍' }],
    ['message.unreact', 'ben', { ...onMessage, emoji: '👍' }],
    ['message.pin', 'anna', onMessage],
    ['message.unpin', 'anna', onMessage],
    ['message.report', 'ben', { ...onMessage, reason: 'spam' }],
    ['user.hide-message', 'ben', onMessage],
    ['user.mute', 'ben', inRoom],
    ['user.unmute', 'ben', inRoom],
    ['user.archive', 'ben', inRoom],
    ['user.unarchive', 'ben', inRoom],
    ['user.pin', 'ben', inRoom],
    ['user.unpin', 'ben', inRoom],
    ['message.schedule', 'ben', { ...later, at: soon }, { key: schedule }],
    ['message.schedule', 'ben', later, { key: failing }],
    ['message.cancel-schedule', 'ben', { scheduleId: failing }],
    ['message.delete', 'anna', onMessage],
    ['conversation.expire-messages', 'notifier', { ...inRoom, throughOrdinal: 1 }],
    ['members.set-role', 'anna', { ...cleo, role: 'guest' }],
    ['members.remove', 'anna', { ...inRoom, userIds: ['cleo'] }],
    ['members.invite', 'anna', { ...inRoom, userIds: ['cleo', 'dora'] }],
    ['members.accept-invite', 'cleo', inRoom],
    ['members.decline-invite', 'dora', inRoom],
    ['members.ban', 'anna', cleo],
    ['members.unban', 'anna', cleo],
    ['conversation.leave', 'ben', inRoom],
    ['conversation.update', 'anna', { ...inRoom, title: 'Tea' }],
    ['conversation.archive', 'anna', inRoom],
    ['conversation.unarchive', 'anna', inRoom],
    ['conversation.delete', 'anna', inRoom],
    ['conversation.create', 'anna', { type: 'channel', title: 'Tea' }],
    ['user.set-profile', 'ben', { displayName: 'Ben' }],
    ['user.set-preferences', 'ben', { unarchiveOnMessage: false }],
    ['user.block', 'ben', { userId: 'eve' }],
    ['user.unblock', 'ben', { userId: 'eve' }],
    ['user.register-device', 'ben', device],
    ['user.remove-device', 'ben', { deviceId: 'd' }],
    ['notifications.read', 'ben', { upTo: 1 }],
  ];
  const run = async ([type, userId, data, options]: Step) => {
    const { status, body } = await command(type, userId, data, options);
    expect([type, status, body.errors]).toEqual([type, 200, undefined]);
    expect(commandSchemas[type].result.safeParse(body.result).success).toBe(true);
  };
  for (const step of steps) await run(step);
  const due: Step = ['message.deliver-scheduled', 'notifier', { userId: 'ben', scheduleId: schedule }];
  await vi.waitFor(() => run(due), { timeout: 20_000, interval: 100 });
  const channel = (await command('conversation.create', 'anna', { type: 'channel', title: 'Tea' })).body;
  const { conversationId } = channel.result;
  expect((await command('conversation.join', 'eve', { conversationId })).body.result).toEqual({
    role: 'member',
  });
  const done = new Set<string>([...steps, due].map(([type]) => type));
  expect(done.add('conversation.join')).toEqual(new Set(Object.keys(commandSchemas)));
});

describe('a command of a service', () => {
  const expire = (userId: string) =>
    command('conversation.expire-messages', userId, { conversationId: room, throughOrdinal: 1 });

  test('needs the scope of services, which no role replaces', async () => {
    const before = await rig.head();
    const refused = await expire('anna');
    expect(refused.body).toMatchObject({ status: 403, code: 'insufficient-scope' });
    expect(refused.body.detail).toContain('parley:service');
    const deliver = { userId: 'anna', scheduleId: uuidv7() };
    const other = await command('message.deliver-scheduled', 'anna', deliver);
    expect(other.body).toMatchObject({ status: 403, code: 'insufficient-scope' });
    expect(await rig.head()).toBe(before);
    expect((await command('message.deliver-scheduled', 'notifier', deliver)).body.result).toEqual({
      outcome: 'cancelled',
    });
  });
});

describe('a command of one’s own', () => {
  test('is answered with the position of its user’s facts, and again from another process', async () => {
    const key = uuidv7();
    const first = await command('user.pin', 'ben', { conversationId: room }, { key });
    const { sequence } = parsePosition(first.body.position) ?? {};
    const commits = await commitsOn(rig.opened.log, userSubject('ben'));
    expect(commits.find((commit) => commit.sequence === sequence)?.events[0]).toMatchObject({
      type: 'inbox.pinned',
      subject: 'user/ben',
      commandid: key,
      version: first.body.version,
    });
    const again = await rig.post(`${other}/v1/commands/user.pin`, 'ben', { conversationId: room }, { key });
    expect(again.body).toEqual({ ...first.body, replayed: true });
  });

  test('of a user whose id is no subject token is stored under one that is', async () => {
    const odd = 'Zoë > * .';
    const { body } = await command('user.set-profile', odd, { displayName: 'Zoë' });
    expect(body).toMatchObject({ version: 1, result: {} });
    const [commit] = await commitsOn(rig.opened.log, userSubject(odd));
    expect(commit?.events[0]).toMatchObject({ subject: `user/${odd}`, actor: odd });
  });
});

test('one device too many is a conflict that says how many there may be', async () => {
  const register = (n: number) =>
    command('user.register-device', 'gadgets', { deviceId: `d${n}`, platform: 'web' });
  for (let n = 0; n < 20; n++) expect((await register(n)).status).toBe(200);
  const { body } = await register(20);
  expect(body).toMatchObject({ status: 409, code: 'limit-reached' });
  expect(body.detail).toContain('20');
});

describe('slow mode', () => {
  test('says exactly how long to wait', async () => {
    const id = await newRoom();
    const settings = { slowModeSeconds: 60 };
    await command('conversation.update', 'anna', { conversationId: id, settings });
    await command('message.send', 'ben', { conversationId: id, body: '1' });
    const refused = await command('message.send', 'ben', { conversationId: id, body: '2' });
    expect(refused.body).toMatchObject({ status: 429, code: 'slow-mode' });
    expect(refused.body.retryAfterMs).toBeGreaterThan(0);
    expect(refused.body.retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(Number(refused.headers.get('retry-after'))).toBe(Math.ceil(refused.body.retryAfterMs / 1_000));
  });
});
