import { AUDIT_SCOPE, querySchemas } from '@parley/contracts';
import type { LocalServer } from '@parley/deploy/testing';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Backend, sendCommand, startBackend } from '../testing/backend.ts';

/** Every text of the private group has this word in it, so that one look at an answer's bytes tells. */
const SECRET = 'xylophone';
/** Ids have it too, so that lists of people would tell. */
const BERTA = `berta-${SECRET}`;

let backend: Backend;
let commands: LocalServer;
let queries: LocalServer;
let position: string;
let middle: string;
const conversationId = uuidv7();
let root: string;
let reply: string;

async function run(userId: string, type: string, data: object): Promise<Record<string, unknown>> {
  const answer = await sendCommand(commands, await backend.token(userId), type, {
    key: uuidv7(),
    data: { ...(type === 'conversation.create' ? {} : { conversationId }), ...data },
  });
  expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 200 });
  position = answer.body.position ?? position;
  return answer.body.result as Record<string, unknown>;
}

beforeAll(async () => {
  backend = await startBackend();
  await backend.start('projector');
  [commands, queries] = await Promise.all([backend.start('command-api'), backend.start('read-api')]);
  const members = [BERTA, 'left', 'removed', 'banned'].map((userId) => ({ userId }));
  await run('anna', 'conversation.create', {
    type: 'group',
    conversationId,
    title: `${SECRET} club`,
    description: `all about the ${SECRET}`,
    members,
  });
  for (const gone of ['left', 'removed', 'banned']) {
    const { messageId } = await run(gone, 'message.send', { body: `I too play the ${SECRET}` });
    await run('anna', 'message.react', { messageId, emoji: '👍' });
  }
  root = String(
    (await run('anna', 'message.send', { body: `@all ${SECRET} lessons, @removed @banned @left` })).messageId,
  );
  reply = String((await run(BERTA, 'message.send', { body: `my ${SECRET}`, threadId: root })).messageId);
  await run('removed', 'message.send', { body: `our ${SECRET}`, threadId: root });
  await run(BERTA, 'message.edit', { messageId: reply, body: `my second ${SECRET}` });
  await run('anna', 'message.pin', { messageId: root });
  await run(BERTA, 'message.react', { messageId: root, emoji: '👍' });
  await run(BERTA, 'message.react', { messageId: reply, emoji: '👍' });
  await run('anna', 'members.invite', { userIds: [`${SECRET}-guest`] });
  await run(BERTA, 'message.report', { messageId: root, reason: 'other', note: SECRET });
  middle = position;
  await run('left', 'conversation.leave', {});
  await run('anna', 'members.remove', { userIds: ['removed'], reason: SECRET });
  await run('anna', 'members.ban', { userId: 'banned', reason: SECRET });
  await run(BERTA, 'message.send', { body: `@removed the ${SECRET} goes on`, replyTo: root });
});
afterAll(() => backend?.stop());

/** Each query with parameters that would find the secret, now and then. */
function urlsOf(name: keyof typeof querySchemas): string[] {
  const path = querySchemas[name].path
    .replace(':conversationId', conversationId)
    .replace(':messageId', root)
    .replace(':userId', 'anna');
  if (name === 'search') return [`${path}?q=${SECRET}`, `${path}?q=${SECRET}&conversation=${conversationId}`];
  if (name === 'channels') return [`${path}?q=${SECRET}`, path];
  if (name === 'users') return [`${path}?ids=anna,berta`];
  if (name === 'audit') return [path, `${path}?conversation=${conversationId}`];
  if (name === 'conversation' || name === 'members' || name === 'messages') {
    return [path, `${path}?asOf=${middle}`, `${path}?asOf=${new Date().toISOString()}`];
  }
  if (name === 'message' || name === 'thread' || name === 'history' || name === 'reactions') {
    return [path, path.replace(root, reply)];
  }
  return [path];
}

async function ask(userId: string, url: string, token?: string): Promise<{ status: number; text: string }> {
  const headers = {
    authorization: `Bearer ${token ?? (await backend.token(userId))}`,
    'parley-min-position': position,
  };
  const response = await fetch(`${queries.url}${url}`, { headers });
  return { status: response.status, text: await response.text() };
}

const names = Object.keys(querySchemas) as (keyof typeof querySchemas)[];
/** Where a member's answer holds nothing of the conversation but numbers, or nothing of this one. */
const WITHOUT_WORDS = new Set([
  'allReports',
  'me',
  'unread',
  'user',
  'users',
  'invites',
  'scheduled',
  'channels',
  'threads',
]);

describe('a private conversation', () => {
  test.each(names.filter((name) => !WITHOUT_WORDS.has(name)))(
    'has the word in %s for its owner, so that the next tests mean something',
    async (name) => {
      const answers = await Promise.all(urlsOf(name).map((url) => ask('anna', url)));
      const found = answers.filter(({ status, text }) => status === 200 && text.includes(SECRET));
      expect(found.length, JSON.stringify(answers)).toBeGreaterThan(0);
    },
  );

  describe.each([
    ['a stranger', 'stranger', 404],
    ['somebody who left', 'left', 404],
    ['somebody who was removed', 'removed', 404],
    ['somebody who is banned', 'banned', 403],
  ])('to %s', (_who, userId, status) => {
    test.each(names)('shows nothing in %s', async (name) => {
      for (const url of urlsOf(name)) {
        const answer = await ask(userId, url);
        expect(answer.text, url).not.toContain(SECRET);
        if (url.includes(`/conversations/${conversationId}`)) expect(answer.status, url).toBe(status);
        else expect(answer.status, url).toBeLessThan(500);
      }
    });
  });

  test('shows nothing that was deleted, in no list and at no time', async () => {
    await run('anna', 'message.delete', { messageId: root, reason: 'gone' });
    const word = 'lessons';
    for (const name of names) {
      for (const url of urlsOf(name).map((each) => each.replace(SECRET, word))) {
        expect((await ask(BERTA, url)).text, url).not.toContain(word);
      }
    }
  });

  test('is in the audit of all for who may see that, and of itself for its admins only', async () => {
    const { token } = await backend.issuer.signer.sign({ sub: 'auditor', scopes: [AUDIT_SCOPE] });
    const all = await ask('auditor', '/v1/audit?limit=200', token);
    expect(all.status).toBe(200);
    expect(all.text).toContain(conversationId);
    expect((await ask(BERTA, '/v1/audit')).status).toBe(403);
    expect((await ask(BERTA, `/v1/audit?conversation=${conversationId}`)).status).toBe(403);
    expect((await ask('anna', `/v1/audit?conversation=${conversationId}`)).status).toBe(200);
  });
});
