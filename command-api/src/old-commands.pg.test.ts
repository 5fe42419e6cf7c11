import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NatsServer, type PostgresServer, startNats, startPostgres } from '@parley/deploy/testing';
import { type OpenLog, openEventLog } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Answer } from './answer.ts';
import { LARGEST_WINDOW } from './domain/command-window.ts';
import { ReadModel } from './testing/read-model.ts';
import { accepted, commitsOf, logger, WriterProcess } from './testing/writer-rig.ts';

const MINUTE = 60_000;
const dir = mkdtempSync(join(tmpdir(), 'parley-old-'));
let nats: NatsServer;
let postgres: PostgresServer;
let opened: OpenLog;
let readModel: ReadModel;
let now = Date.now();
const processes: WriterProcess[] = [];

/** A process with empty caches, whose clock is this test's. */
function start(): WriterProcess {
  const { log, snapshots } = opened;
  const process = new WriterProcess(log, snapshots, { databaseUrl: postgres.url, now: () => now });
  processes.push(process);
  return process;
}

/** A key of this test's now. */
const newKey = (): string => {
  const time = now.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}${uuidv7().slice(13)}`;
};

async function sendMany(process: WriterProcess, id: string, count: number): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>();
  for (let sent = 0; sent < count; sent += 5_000) {
    const keys = Array.from({ length: Math.min(5_000, count - sent) }, newKey);
    await Promise.all(
      keys.map(async (key) => void answers.set(key, accepted(await process.send(id, 'anna', key, key)))),
    );
  }
  return answers;
}

beforeAll(async () => {
  [nats, postgres] = await Promise.all([
    startNats({ dir: join(dir, 'nats') }),
    startPostgres({ dir: join(dir, 'pg'), fast: true }),
  ]);
  opened = await openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
  readModel = await ReadModel.create(postgres.url);
}, 120_000);

afterAll(async () => {
  await readModel?.close();
  await Promise.all(processes.map((process) => process.close()));
  await opened?.close();
  await Promise.all([nats?.stop(), postgres?.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

beforeEach(() => {
  now = Date.now();
});

describe('a key that left the window', () => {
  let id: string;
  let process: WriterProcess;
  let oldest: [string, Answer];

  /** 1,200 commands, of which the first are ten minutes old. */
  beforeEach(async () => {
    now = Date.now() - 10 * MINUTE;
    process = start();
    id = await process.group();
    oldest = [...(await sendMany(process, id, 300))][0] as [string, Answer];
    now = Date.now();
    await sendMany(process, id, 1_100);
    await readModel.follow(opened.log, id);
  });

  test('gets its original answer, from this process and a fresh one, and nothing is stored again', async () => {
    const [key, original] = oldest;
    for (const each of [process, start()]) {
      expect(await each.send(id, 'anna', key, key)).toEqual({ ...original, replayed: true });
      expect(await each.send(id, 'anna', 'another request', key)).toMatchObject({
        code: 'idempotency-conflict',
      });
    }
    expect(await process.send(id, 'anna', 'next')).toMatchObject({ result: { ordinal: 1_401 } });
  });

  test('is new when nobody has seen it, and then never again', async () => {
    now -= 10 * MINUTE;
    const key = newKey();
    now = Date.now();
    expect(await process.send(id, 'anna', 'late', key)).toMatchObject({ replayed: false });
    expect(await start().send(id, 'anna', 'late', key)).toMatchObject({ replayed: true });
  });

  test('counts as never seen only once the read model has passed what left the window', async () => {
    now -= 10 * MINUTE;
    const key = newKey();
    now = Date.now();
    await readModel.passes(opened.log, 1);
    const answer = process.send(id, 'anna', 'late', key);
    await readModel.follow(opened.log, id);
    expect(await answer).toMatchObject({ replayed: false });
    await readModel.passes(opened.log, 1);
    now -= 10 * MINUTE;
    const another = newKey();
    now = Date.now();
    expect(await process.send(id, 'anna', 'late', another)).toMatchObject({ code: 'unavailable' });
  });

  test('keeps the order of its request, with what comes before and behind', async () => {
    now -= 10 * MINUTE;
    const [key, late] = [newKey(), newKey()];
    now = Date.now();
    const request = uuidv7();
    const send = (body: string, itsKey: string) =>
      process.do('message.send', 'anna', { conversationId: id, body }, { request, key: itsKey });
    const answers = await Promise.all([
      send('1', newKey()),
      send('2', key),
      send('3', newKey()),
      send('4', late),
    ]);
    const ordinals = answers.map((answer) => (accepted(answer).result as { ordinal: number }).ordinal);
    expect(ordinals).toEqual([1_401, 1_402, 1_403, 1_404]);
  });

  test('alone gets unavailable while Postgres is away; fresh keys and edits of recent messages are accepted', async () => {
    const [key] = oldest;
    const recent = newKey();
    await process.send(id, 'anna', 'recent', recent);
    await postgres.stop();
    try {
      const request = uuidv7();
      const [fresh, old, edit] = await Promise.all([
        process.do('message.send', 'anna', { conversationId: id, body: 'fresh' }, { request }),
        process.send(id, 'anna', key, key),
        process.do('message.edit', 'anna', { conversationId: id, messageId: recent, body: 'edited' }),
      ]);
      expect([fresh.kind, edit.kind]).toEqual(['accepted', 'accepted']);
      expect(old).toMatchObject({ code: 'unavailable', extras: { retryAfterMs: expect.any(Number) } });
    } finally {
      await postgres.restart();
      await readModel.reconnect(postgres.url);
    }
    expect(await process.send(id, 'anna', key, key)).toMatchObject({ replayed: true });
  });

  test('that the read model names in a commit without it is not decided again', async () => {
    now -= 10 * MINUTE;
    const key = newKey();
    now = Date.now();
    const stray = await process.group();
    await readModel.follow(opened.log, stray);
    const [{ sequence = 0 } = {}] = await commitsOf(opened.log, stray);
    await readModel.claims(id, key, sequence);
    expect(await process.send(id, 'anna', 'late', key)).toMatchObject({ code: 'unavailable' });
  });

  test('of a message finds it for an edit, and knows when there is none', async () => {
    const [messageId] = oldest;
    const fresh = start();
    const data = { conversationId: id, messageId, body: 'edited after all' };
    expect(await fresh.do('message.edit', 'anna', data)).toMatchObject({ kind: 'accepted' });
    const nobody = { ...data, messageId: uuidv7() };
    expect(await fresh.do('message.edit', 'anna', nobody)).toMatchObject({ code: 'not-found' });
    const { sequence } = accepted(oldest[1]);
    const named = { ...data, sequence, body: 'edited again' };
    expect(await start().do('message.edit', 'anna', named)).toMatchObject({ kind: 'accepted' });
  });

  test('of a message that is deleted is known to be, wherever it is said to stand', async () => {
    const [messageId, answer] = oldest;
    const data = { conversationId: id, messageId, emoji: '👍' };
    const { sequence } = accepted(answer);
    await readModel.deletes(id, messageId);
    for (const about of [data, { ...data, sequence }]) {
      expect(await start().do('message.react', 'anna', about)).toMatchObject({ code: 'message-deleted' });
    }
  });

  test('of a message finds it for a reply and as the root of a thread, and what was found stays true', async () => {
    const [messageId] = oldest;
    const reply = { conversationId: id, body: 'after all', replyTo: messageId, threadId: messageId };
    const first = newKey();
    accepted(await start().do('message.send', 'anna', reply, { key: first }));
    const commits = await commitsOf(opened.log, id);
    expect(commits.at(-1)?.events[0]?.data).toMatchObject({
      replyTo: messageId,
      replyToAuthor: 'anna',
      threadId: messageId,
      threadOrdinal: 1,
      threadAuthor: 'anna',
    });
    const read = { conversationId: id, ordinal: 1_401, threadId: messageId };
    expect(await start().do('messages.read', 'anna', read)).toMatchObject({ result: { ordinal: 1_401 } });
    // A reply is no root, whether it is remembered or found.
    const nested = { conversationId: id, body: 'x', threadId: first };
    for (const each of [process, start()]) {
      expect(await each.do('message.send', 'anna', nested)).toMatchObject({
        code: 'invalid-request',
        extras: { errors: [{ path: 'threadId' }] },
      });
    }
    const nobody = { conversationId: id, body: 'x', replyTo: uuidv7() };
    const refused = await start().do('message.send', 'anna', nobody);
    expect(refused).toMatchObject({ extras: { errors: [{ path: 'replyTo' }] } });
  });
});

test('a key of a user’s own facts that left the window gets its original answer, though its conversation refuses it', async () => {
  const ben = `ben-${uuidv7()}`;
  now = Date.now() - 10 * MINUTE;
  const process = start();
  const id = await process.group(ben);
  const [key, data] = [newKey(), { conversationId: id }];
  const original = accepted(await process.do('user.pin', ben, data, { key }));
  now = Date.now();
  const names = Array.from({ length: 1_100 }, (_, n) => `Ben ${n}`);
  await Promise.all(
    names.map((displayName) => process.do('user.set-profile', ben, { displayName }, { key: newKey() })),
  );
  await readModel.followUser(opened.log, ben);
  accepted(
    await process.do('members.remove', 'anna', { conversationId: id, userIds: [ben] }, { key: newKey() }),
  );
  for (const each of [process, start()]) {
    expect(await each.do('user.pin', ben, data, { key })).toEqual({ ...original, replayed: true });
    expect(await each.do('user.mute', ben, data, { key })).toMatchObject({ code: 'idempotency-conflict' });
  }
});

test('a conversation beyond 32,768 commands in two minutes still answers its first, and asks nobody about fresh keys', async () => {
  const process = start();
  const id = await process.group();
  const answers = await sendMany(process, id, LARGEST_WINDOW + 600);
  const [key, original] = [...answers][0] as [string, Answer];
  await postgres.stop();
  try {
    const fresh = await Promise.all(
      Array.from({ length: 50 }, () => process.send(id, 'anna', 'fresh', newKey())),
    );
    // One in a hundred may look like a forgotten one.
    expect(fresh.filter(({ kind }) => kind === 'accepted').length).toBeGreaterThan(45);
  } finally {
    await postgres.restart();
    await readModel.reconnect(postgres.url);
  }
  await readModel.follow(opened.log, id);
  for (const each of [process, start()]) {
    expect(await each.send(id, 'anna', key, key)).toEqual({ ...original, replayed: true });
  }
}, 120_000);
