import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ImportRig, message, users } from '../testing/import-rig.ts';

let rig: ImportRig;
beforeAll(async () => {
  rig = await ImportRig.start();
});
afterAll(() => rig?.stop());

const general = {
  '2024-03-01.json': [
    message('1709280000', 'UANN', '<@UANN> has joined the channel', { subtype: 'channel_join' }),
    message('1709280000', 'UBEN', '<@UBEN> has joined the channel', { subtype: 'channel_join' }),
    message('1709280001', 'UCID', 'before I go &lt;3', { edited: { user: 'UCID', ts: '1709280900.000000' } }),
    message(
      '1709280002',
      'UANN',
      'hello <@UBEN>, see <https://example.com/a?b=1&amp;c=2|this> in <#CMORE|more>',
      {
        reactions: [{ name: 'wave', users: ['UBEN', 'UANN'], count: 2 }],
        thread_ts: '1709280002.000100',
        reply_count: 2,
      },
    ),
    message('1709280004', 'UCID', 'left', { subtype: 'channel_leave' }),
    message('1709280003', 'UBEN', 'a reply', { thread_ts: '1709280002.000100' }),
  ],
  '2024-03-02.json': [
    message('1709366400', 'UBEN', 'waves', { subtype: 'me_message' }),
    message('1709366401', 'UANN', 'and this for all', {
      subtype: 'thread_broadcast',
      thread_ts: '1709280002.000100',
    }),
    { type: 'message', subtype: 'bot_message', ts: '1709366402.000100', bot_id: 'BDEPLOY', text: 'deployed' },
    {
      type: 'message',
      subtype: 'bot_message',
      ts: '1709366403.000100',
      bot_id: 'BHOOK',
      username: 'Hook',
      text: '',
    },
    {
      type: 'message',
      subtype: 'bot_message',
      ts: '1709366404.000100',
      bot_id: 'BHOOK',
      username: 'Hook',
      text: 'hooked',
    },
    message('1709366405', 'UANN', 'the plan', {
      files: [{ name: 'plan.pdf', title: 'Plan', permalink: 'https://files.example.com/plan' }],
    }),
    message('1709366406', 'USLACKBOT', 'This message was deleted.', {
      subtype: 'tombstone',
      thread_ts: '1709366406.000100',
    }),
    message('1709366407', 'UBEN', 'still here', { thread_ts: '1709366406.000100' }),
    message('1709366408', 'UANN', 'no root', { thread_ts: '1600000000.000100' }),
    message('1709366409', 'UANN', 'set the channel topic: tea', { subtype: 'channel_topic', topic: 'tea' }),
    message('1709366410', 'UANN', 'x'.repeat(10_500)),
    message('1709366411', 'UANN', '', { subtype: 'mystery' }),
  ],
};

test('a Slack export becomes conversations with their people, threads, reactions and links, and says what it left out', async () => {
  const days = Object.entries(general).map(([day, messages]) => [`general/${day}`, messages]);
  const file = await rig.zipped('kinds.zip', {
    'users.json': users,
    'channels.json': [
      {
        id: 'CGEN',
        name: 'general',
        creator: 'UANN',
        members: ['UANN', 'UBEN'],
        purpose: { value: 'All of us' },
      },
      { id: 'COLD', name: 'old', creator: 'UCID', members: ['UANN'], is_archived: true },
    ],
    'groups.json': [{ id: 'GSEC', name: 'secret', creator: 'UCID', members: ['UANN', 'UCID'] }],
    'dms.json': [{ id: 'DAB', members: ['UANN', 'UBEN'] }],
    'mpims.json': [{ id: 'GMP', name: 'mpdm-ann--ben--cid-1', members: ['UANN', 'UBEN', 'UCID'] }],
    'integration_logs.json': [],
    'secret/2024-03-01.json': [message('1709280000', 'UCID', 'a secret')],
    'DAB/2024-03-01.json': [message('1709280000', 'UBEN', 'only you')],
    'old/2024-03-01.json': [message('1709280000', 'UCID', 'closed soon')],
    ...Object.fromEntries(days),
  });
  const args = ['slack', file, '--users', join(rig.dir, 'users.json')] as const;
  const first = await rig.parley(...args).done;
  expect(first.report).toMatchObject({
    made: { conversations: 5, messages: 14, replies: 3, reactions: 2 },
    present: { messages: 0 },
    refusals: [],
  });
  expect(first.report.skipped).toEqual([
    { reason: 'nothing to say', count: 1, loss: false, first: 'general/2024-03-02.json:1709366403.000100' },
    { reason: 'subtype mystery', count: 1, loss: true, first: 'general/2024-03-02.json:1709366411.000100' },
  ]);
  expect(first.code).toBe(1);

  const { id: conversationId, ...room } = await rig.conversationOf('ann', 'general');
  expect(room).toMatchObject({ type: 'channel', description: 'All of us', memberCount: 3 });
  expect(await rig.membersOf('ann', conversationId)).toEqual({
    'parley-import': 'owner',
    ann: 'owner',
    ben: 'member',
  });
  const said = await rig.messagesOf('ann', conversationId);
  const imported = (id: string, at: string, more: object = {}) => ({
    imported: { from: 'slack', id: `${id}.000100`, at, ...more },
  });
  expect(said.filter(({ threadId }) => threadId === null).map((each) => [each.senderId, each.body])).toEqual([
    ['slack-UCID', 'before I go <3'],
    ['ann', 'hello <@ben>, see this (https://example.com/a?b=1&c=2) in #more'],
    ['ben', 'waves'],
    ['slack-UDEPLOY', 'deployed'],
    ['slack-BHOOK', 'hooked'],
    ['ann', 'the plan\n[Plan] https://files.example.com/plan'],
    ['slack-USLACKBOT', null],
    ['ann', 'no root'],
    ['ann', 'set the channel topic: tea'],
    ['ann', 'x'.repeat(10_000)],
    ['ann', 'x'.repeat(500)],
  ]);
  const [edited, root] = said;
  expect(edited?.metadata).toEqual(
    imported('1709280001', '2024-03-01T08:00:01.000Z', { edited: '2024-03-01T08:15:00.000Z' }),
  );
  expect(root).toMatchObject({
    metadata: imported('1709280002', '2024-03-01T08:00:02.000Z'),
    mentions: { users: ['ben'] },
    reactions: [{ emoji: ':wave:', count: 2, mine: true }],
    thread: { count: 2 },
  });
  expect(said.find(({ body }) => body === 'waves')?.metadata).toMatchObject({
    imported: { kind: 'me_message' },
  });
  const replies = root ? await rig.threadOf('ann', root) : [];
  expect(replies.map(({ senderId, body }) => [senderId, body])).toEqual([
    ['ben', 'a reply'],
    ['ann', 'and this for all'],
  ]);
  const gone = said.find(({ senderId }) => senderId === 'slack-USLACKBOT');
  expect(gone?.deleted).not.toBeNull();
  expect(gone?.thread).toMatchObject({ count: 1 });

  const secret = await rig.conversationOf('slack-UCID', 'secret');
  expect(secret.type).toBe('group');
  expect(await rig.membersOf('ann', secret.id)).toEqual({
    'parley-import': 'owner',
    ann: 'member',
    'slack-UCID': 'owner',
  });
  const direct = await rig.conversationOf('ben', null);
  expect(direct.type).toBe('direct');
  expect((await rig.messagesOf('ann', direct.id)).map(({ body }) => body)).toEqual(['only you']);
  expect(await rig.conversationOf('ann', 'old')).toMatchObject({ archived: true });
  expect(await rig.conversationOf('ben', 'mpdm-ann--ben--cid-1')).toMatchObject({
    type: 'group',
    memberCount: 4,
  });

  const before = await rig.head();
  const second = await rig.parley(...args).done;
  expect(second.report).toMatchObject({
    made: { conversations: 0, people: 0, messages: 0, replies: 0, reactions: 0, other: 0 },
    present: { conversations: 5, messages: 14, replies: 3, reactions: 2 },
    refusals: [],
  });
  expect(second.code).toBe(1);
  expect(await rig.head()).toBe(before);
});

test('NDJSON becomes rooms that are as private as they say, bad lines are told, and a token that is not accepted ends it', async () => {
  const at = '2024-03-01T08:00:00Z';
  const file = join(rig.dir, 'rooms.ndjson');
  const lines = [
    { room: 'tea', at, user: 'ann', id: 1, text: 'hello', reactions: [{ emoji: '👍', user: 'ben' }] },
    { room: 'plans', type: 'group', members: ['ben'], at, user: 'ann', text: 'for us' },
    { room: 'tea', at, user: 'ben', text: 'hi', thread: 1 },
    { room: 'tea', at, user: 'ben', text: '\u0000', replyTo: 1 },
    { room: 'tea', at, user: 'ann', text: 'x', reactions: [{ emoji: 'no emoji', user: 'ann' }] },
    { room: 'tea', user: 'ben', text: 'when?' },
  ];
  await writeFile(file, lines.map((line) => JSON.stringify(line)).join('\n'));
  const untrusted = await rig.parleyAs('/bin/echo', ['ndjson', file]).done;
  expect(untrusted).toEqual({ code: 3, report: null });
  const { code, report } = await rig.parley('ndjson', file).done;
  expect(report).toMatchObject({
    made: { conversations: 2, messages: 4, replies: 1, reactions: 1 },
    skipped: [{ loss: true, first: `${file}:6` }],
    refusals: [{ place: `${file}:5`, command: 'message.react', code: 'invalid-request' }],
  });
  expect(code).toBe(1);
  const tea = await rig.conversationOf('ben', 'tea');
  const [hello, , clean] = await rig.messagesOf('ann', tea.id);
  expect(hello).toMatchObject({
    body: 'hello',
    reactions: [{ emoji: '👍', count: 1 }],
    thread: { count: 1 },
  });
  expect(clean).toMatchObject({ body: '\uFFFD', replyTo: hello?.messageId });
  const plans = await rig.conversationOf('ben', 'plans');
  const stranger = await fetch(`${rig.queries.url}/v1/conversations/${plans.id}`, {
    headers: { authorization: `Bearer ${await rig.backend.token('mallory')}` },
  });
  expect(stranger.status).toBe(404);
  const before = await rig.head();
  expect((await rig.parley('ndjson', file).done).report.made).toMatchObject({
    messages: 0,
    replies: 0,
    people: 0,
  });
  expect(await rig.head()).toBe(before);
});
