import { join } from 'node:path';
import type { NotificationsPage, UnreadView } from '@parley/contracts';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ImportRig, message, users } from '../testing/import-rig.ts';

let rig: ImportRig;
beforeAll(async () => {
  rig = await ImportRig.start();
});
afterAll(() => rig?.stop());

test('what is imported counts as read by those who are in, again after a longer export, unless it is kept unread', async () => {
  const thread_ts = '1709280000.000100';
  const first = [
    message('1709280000', 'UDAN', 'who is in?', { thread_ts, reply_count: 2 }),
    message('1709280001', 'UEVA', 'I am, <@UDAN>', { thread_ts }),
    message('1709280002', 'UFAY', 'so am I', { thread_ts }),
    message('1709280003', 'UEVA', 'and <@UDAN>, <@UFAY>?'),
    message('1709280004', 'UDAN', '<!channel> see you', { reactions: [{ name: 'wave', users: ['UEVA'] }] }),
  ];
  const second = [
    message('1709366400', 'UEVA', 'me too', { thread_ts }),
    message('1709366401', 'UEVA', 'bring tea, <@UDAN>'),
  ];
  const lists = {
    'users.json': ['UDAN', 'UEVA', 'UFAY', 'UGIL'].map((id) => ({ id, name: id })),
    'groups.json': [{ id: 'GTRIP', name: 'trip', members: ['UDAN', 'UEVA', 'UFAY', 'UGIL'] }],
    'trip/2024-03-01.json': first,
  };
  const short = await rig.zipped('short.zip', lists);
  const long = await rig.zipped('longer.zip', { ...lists, 'trip/2024-03-02.json': second });
  const badgeOf = async (user: string): Promise<unknown[]> => {
    const { total, mentions, threads } = await rig.read<UnreadView>(user, 'me/unread');
    const { items } = await rig.read<NotificationsPage>(user, 'me/notifications?unread=true');
    return [total, mentions, threads, items.map(({ kind }) => kind)];
  };
  const everybody = ['slack-UDAN', 'slack-UEVA', 'slack-UFAY', 'slack-UGIL', 'parley-import'];
  const expectAllRead = async (): Promise<void> => {
    for (const user of everybody) expect([user, ...(await badgeOf(user))]).toEqual([user, 0, 0, 0, []]);
  };
  expect((await rig.parley('slack', short).done).code).toBe(0);
  await expectAllRead();
  expect((await rig.parley('slack', long, '--keep-unread').done).code).toBe(0);
  expect(await badgeOf('slack-UDAN')).toEqual([1, 1, 1, ['mention', 'thread']]);
  expect((await rig.parley('slack', long).done).report.made).toMatchObject({ messages: 0, other: 0 });
  await expectAllRead();
  const before = await rig.head();
  expect((await rig.parley('slack', long).done).code).toBe(0);
  expect(await rig.head()).toBe(before);
});

const ROOMS = 4;
const MESSAGES = 250;

test('an import killed in the middle is finished by the same command, and nothing is there twice', async () => {
  const rooms = Array.from({ length: ROOMS }, (_, n) => `long-${n}`);
  const day = (room: number) =>
    Array.from({ length: MESSAGES }, (_, n) => {
      const thread = n % 10 === 0 ? { reply_count: 1 } : n % 10 === 5 ? { thread_ts: tsOf(n - 5) } : {};
      const reactions = n % 7 === 0 ? [{ name: 'tea', users: ['UANN', 'UBEN'], count: 2 }] : [];
      const user = ['UANN', 'UBEN', 'UCID'][n % 3] ?? '';
      return { type: 'message', ts: tsOf(n), user, text: `message ${room}/${n}`, ...thread, reactions };
    });
  const tsOf = (n: number): string => `${1_709_280_000 + n}.000100`;
  const file = await rig.zipped('long.zip', {
    'users.json': users,
    'channels.json': rooms.map((name, n) => ({ id: `CLONG${n}`, name, members: ['UANN', 'UBEN', 'UCID'] })),
    ...Object.fromEntries(rooms.map((name, n) => [`${name}/2024-03-01.json`, day(n)])),
  });
  const args = ['slack', file, '--users', join(rig.dir, 'users.json'), '--in-flight', '2'] as const;
  const start = await rig.head();
  const begun = rig.parley(...args);
  await vi.waitFor(async () => expect(await rig.head()).toBeGreaterThan(start + 200), {
    timeout: 60_000,
    interval: 10,
  });
  begun.child.kill('SIGKILL');
  const killed = await begun.done;
  expect(killed).toEqual({ code: null, report: null });
  const finished = await rig.parley(...args).done;
  expect(finished.code, JSON.stringify(finished.report)).toBe(0);
  const { made, present } = finished.report;
  for (const count of [made, present])
    expect((count.messages ?? 0) + (count.replies ?? 0)).toBeGreaterThan(50);
  for (const [room, name] of rooms.entries()) {
    const { id: conversationId } = await rig.conversationOf('ann', name);
    const top = await rig.messagesOf('ann', conversationId);
    const replies = await Promise.all(
      top.filter(({ thread }) => thread !== null).map((root) => rig.threadOf('ann', root)),
    );
    const bodies = new Set([...top, ...replies.flat()].map(({ body }) => body));
    expect(bodies.size).toBe(MESSAGES);
    const isInThread = (n: number): boolean => n % 10 === 5;
    const expected = day(room).map(({ text }) => text);
    expect(top.filter(({ threadId }) => threadId === null).map(({ body }) => body)).toEqual(
      expected.filter((_, n) => !isInThread(n)),
    );
    expect(replies.flat().map(({ body }) => body)).toEqual(expected.filter((_, n) => isInThread(n)));
    const counts = top.filter(({ reactions }) => reactions.length > 0);
    expect(counts.every(({ reactions }) => reactions[0]?.count === 2)).toBe(true);
  }
  const before = await rig.head();
  const again = await rig.parley(...args).done;
  expect(again.code).toBe(0);
  expect(Object.values(again.report.made)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(await rig.head()).toBe(before);
});

test('two imports of one export at once, and the command API killed meanwhile: each message is there once, in order', async () => {
  const texts = Array.from({ length: 150 }, (_, n) => `message ${n}`);
  const day = texts.map((text, n) => message(`${1_709_280_000 + n}`, ['UANN', 'UBEN'][n % 2] ?? '', text));
  const rooms = ['both-0', 'both-1', 'both-2'];
  const file = await rig.zipped('both.zip', {
    'users.json': users,
    'channels.json': rooms.map((name, n) => ({ id: `CBOTH${n}`, name, members: ['UANN', 'UBEN'] })),
    ...Object.fromEntries(rooms.map((name) => [`${name}/2024-03-01.json`, day])),
  });
  const start = await rig.head();
  const args = ['slack', file, '--users', join(rig.dir, 'users.json')] as const;
  const both = [rig.parley(...args), rig.parley(...args)];
  await vi.waitFor(async () => expect(await rig.head()).toBeGreaterThan(start + 60), {
    timeout: 60_000,
    interval: 10,
  });
  await rig.commands.kill();
  await rig.commands.restart();
  const outcomes = await Promise.all(both.map(({ done }) => done));
  expect(outcomes.map(({ code, report }) => [code, report.refusals])).toEqual([
    [0, []],
    [0, []],
  ]);
  for (const name of rooms) {
    const said = await rig.messagesOf('ann', (await rig.conversationOf('ann', name)).id);
    expect(said.map(({ body }) => body)).toEqual(texts);
  }
});
