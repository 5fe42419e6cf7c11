import { type CommitItem, DEFAULT_SETTINGS, type EventData, type Role } from '@parley/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readAccess } from './read-access.ts';
import { type Draft, drafts } from './testing/commits.ts';
import { GatewayStage } from './testing/gateway-stage.ts';
import type { TestSocket } from './testing/test-socket.ts';

let stage: GatewayStage;

beforeAll(async () => {
  stage = await GatewayStage.set();
});
afterEach(() => stage.clear());
afterAll(() => stage?.stop());

type Created = Partial<EventData<'conversation.created'>>;

/** A new conversation of Olga's, in the log and in the read model. */
async function open(created: Created, members: Record<string, Role> = {}): Promise<string> {
  const { world } = stage;
  const id = stage.newId();
  const roles = Object.entries({ olga: 'owner' as Role, ...members });
  const data = {
    type: 'group' as const,
    settings: DEFAULT_SETTINGS,
    ...created,
    members: roles.map(([userId, role]) => ({ userId, role })),
  };
  const sequence = await world.writer.commit(id, { type: 'conversation.created', data });
  await world.conversation(id, 1, roles.length);
  for (const [userId, role] of roles) {
    await world.member(id, userId, sequence);
    await world.role(id, userId, role);
  }
  const { type, audience = null, settings } = data;
  const segment = audience?.kind === 'segment' ? audience.segment : null;
  await world.rows.query(
    'update read_model.conversations set type = $2, audience = $3, segment = $4, settings = $5 where id = $1',
    [id, type, audience?.kind ?? null, segment, JSON.stringify(settings)],
  );
  for (const userId of audience?.kind === 'custom' ? audience.userIds : []) {
    await world.rows.query('insert into read_model.audience_users values ($1, $2)', [userId, id]);
  }
  await world.checkpoint();
  return id;
}

async function ban(id: string, userId: string, until: string | null): Promise<void> {
  await stage.world.rows.query(
    `insert into read_model.bans (conversation_id, user_id, banned_by, at, until) values ($1, $2, 'olga', now(), $3)`,
    [id, userId, until],
  );
}

async function enter(
  userId: string,
  feed: 'all' | 'none',
  { segments = [], at = stage.gateway }: { segments?: string[]; at?: typeof stage.gateway } = {},
): Promise<TestSocket> {
  const { token } = await stage.world.issuer.signer.sign({ sub: userId, segments });
  const socket = await stage.greet({ token, feed, since: null }, at);
  await socket.live();
  return socket;
}

let requests = 0;

/** Sends `sub` and waits for its end: live, or refused. */
async function follow(socket: TestSocket, conversation: string, from: number | 'head' = 0): Promise<void> {
  const id = ++requests;
  const before = socket.frames.length;
  socket.send({ t: 'sub', id, conversation, from });
  await socket.until(({ frames }) =>
    frames
      .slice(before)
      .some(
        (frame) =>
          (frame.t === 'sub-live' && frame.conversation === conversation) ||
          (frame.t === 'error' && frame.id === id),
      ),
  );
}

const versionsOf = (items: readonly CommitItem[], id: string) =>
  items.flatMap(({ events }) =>
    events.flatMap((event) => (event.subject.endsWith(id) ? [event.version] : [])),
  );

function replayed(socket: TestSocket, id: string) {
  return socket.frames.flatMap((frame) => (frame.t === 'sub-commits' ? versionsOf(frame.items, id) : []));
}

/** Versions that came as they happened. */
function live(socket: TestSocket, id: string) {
  return versionsOf(socket.client.seen, id);
}

const channel = { type: 'channel' as const };
const closedChannel = { ...channel, settings: { ...DEFAULT_SETTINGS, historyVisibility: 'joined' as const } };
const broadcast = (audience: Created['audience']): Created => ({
  type: 'broadcast',
  ...(audience && { audience }),
});

const table: [who: string, expected: string, setUp: () => Promise<string>, segments?: string[]][] = [
  ['an owner', 'live', () => open({}, { zoe: 'owner' })],
  ['an admin', 'live', () => open({}, { zoe: 'admin' })],
  ['a moderator', 'live', () => open({}, { zoe: 'moderator' })],
  ['a member', 'live', () => open({}, { zoe: 'member' })],
  ['a guest', 'live', () => open({}, { zoe: 'guest' })],
  ['a member of a broadcast', 'live', () => open(broadcast({ kind: 'all' }), { zoe: 'member' })],
  ['a stranger to a group', 'not-found', () => open({})],
  ['a visitor of a channel', 'live', () => open(channel)],
  ['a visitor of a channel whose history is for members', 'not-found', () => open(closedChannel)],
  ['everybody, of a broadcast to all', 'live', () => open(broadcast({ kind: 'all' }))],
  ['the segment of a broadcast', 'live', () => open(broadcast({ kind: 'segment', segment: 'eu' })), ['eu']],
  ['another segment', 'not-found', () => open(broadcast({ kind: 'segment', segment: 'eu' })), ['us']],
  ['who is listed', 'live', () => open(broadcast({ kind: 'custom', userIds: ['zoe', 'yan'] }))],
  ['who is not listed', 'not-found', () => open(broadcast({ kind: 'custom', userIds: ['yan'] }))],
  ['nobody, as there is no such conversation', 'not-found', async () => stage.newId()],
  [
    'one who was removed from a group',
    'not-found',
    async () => {
      const id = await open({}, { zoe: 'member' });
      const sequence = await stage.world.writer.commit(id, drafts.removed('zoe'));
      await stage.world.left(id, 'zoe', sequence, 'removed');
      await stage.world.conversation(id, 2, 1);
      await stage.world.checkpoint();
      return id;
    },
  ],
  [
    'one who is banned, of whom the read model knows nothing yet',
    'banned',
    async () => {
      const id = await open(channel);
      await stage.world.writer.commit(id, drafts.banned('zoe'));
      return id;
    },
  ],
  [
    'one who is banned for good',
    'banned',
    async () => {
      const id = await open(channel);
      await ban(id, 'zoe', null);
      return id;
    },
  ],
  [
    'one whose ban is over',
    'live',
    async () => {
      const id = await open(channel);
      await ban(id, 'zoe', '2020-01-01T00:00:00Z');
      return id;
    },
  ],
  [
    'a member of what is deleted',
    'not-found',
    async () => {
      const id = await open({}, { zoe: 'member' });
      await stage.world.deleted(id, await stage.world.writer.commit(id, drafts.deleted()));
      await stage.world.conversation(id, 2, 2);
      await stage.world.checkpoint();
      return id;
    },
  ],
];

describe.each(['all', 'none'] as const)('with a feed of %s, a conversation is followed by', (feed) => {
  test.each(table)('%s: %s', async (_, expected, setUp, segments = []) => {
    const id = await setUp();
    const socket = await enter('zoe', feed, { segments });
    await follow(socket, id);
    if (expected !== 'live') {
      expect(socket.frame('error')?.code).toBe(expected);
      expect(socket.frame('sub-ok')).toBeUndefined();
      return;
    }
    expect(socket.frame('sub-ok')).toMatchObject({ conversation: id, from: 0 });
    const known = stage.world.writer.version(id);
    const [first = 0] = await stage.say(id, 1);
    await socket.seen(first);
    expect(replayed(socket, id)).toEqual(Array.from({ length: known }, (__, index) => index + 1));
    expect(live(socket, id)).toEqual([known + 1]);
    expect(socket.frame('sub-live')).toEqual({ t: 'sub-live', conversation: id, version: known });
  });
});

describe('a replay', () => {
  /** Messages as the read model has them: so is it known where in the log a version is. */
  async function written(id: string, count: number): Promise<number[]> {
    const { world } = stage;
    const sequences: number[] = [];
    for (let ordinal = 1; ordinal <= count; ordinal++) {
      const sequence = await world.writer.commit(id, drafts.sent(ordinal));
      sequences.push(sequence);
      await world.rows.query(
        `insert into read_model.messages (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, replies,
           format, attachments, mentions, mentions_all, version, sent_version)
         values ($1, $2, gen_random_uuid(), $3, 'olga', now(), 0, 'plain', '[]', '{}', false, $4, $4)`,
        [id, ordinal, sequence, world.writer.version(id)],
      );
    }
    await world.rows.query(
      'update read_model.conversations set version = $2, message_count = $3 where id = $1',
      [id, world.writer.version(id), count],
    );
    await world.checkpoint();
    return sequences;
  }

  test('reads the log from where the version is', async () => {
    const id = await open(channel);
    const sequences = await written(id, 9);
    const asked = { conversationId: id, userId: 'zoe' };
    for (let from = 2; from <= 10; from++) {
      const { begin } = await readAccess(stage.world.rows, { ...asked, from });
      // Message n has version n + 1: the commit that brought the version asked for is read again, and none before.
      expect(begin).toBe((sequences[from - 2] ?? 0) - 1);
    }
    expect(await readAccess(stage.world.rows, { ...asked, from: 1 })).toMatchObject({ begin: 0 });
    expect(await readAccess(stage.world.rows, { ...asked, from: null })).toMatchObject({ begin: 0 });
  });

  test('starts anywhere, in the middle of a commit too, whatever it is served from', async () => {
    const id = await open(channel);
    await written(id, 6);
    await stage.world.writer.commit(id, drafts.sent(7), drafts.sent(8), drafts.sent(9));
    const cold = await stage.coldGateway();
    for (const at of [stage.gateway, cold]) {
      for (const from of [0, 1, 4, 7, 8, 9, 10]) {
        const socket = await enter('zoe', 'none', { at });
        await follow(socket, id, from);
        expect(socket.frame('sub-ok')).toMatchObject({ from, head: 10 });
        expect(replayed(socket, id)).toEqual(Array.from({ length: 10 - from }, (_, n) => from + 1 + n));
        expect(socket.frame('reset')).toBeUndefined();
      }
    }
  });

  test('finds the conversation among many others in the log', async () => {
    const [id, other] = [await open(channel), await open(channel)];
    for (let n = 0; n < 4; n++) {
      await stage.say(id, 2);
      await stage.say(other, 200);
    }
    const socket = await enter('zoe', 'all', { at: await stage.coldGateway() });
    await follow(socket, id, 3);
    expect(replayed(socket, id)).toEqual([4, 5, 6, 7, 8, 9]);
    expect(replayed(socket, other)).toEqual([]);
  });

  test('from the head brings nothing, and one from beyond it says so and goes live', async () => {
    const id = await open(channel);
    const socket = await enter('zoe', 'none');
    await follow(socket, id, 'head');
    expect(socket.frames.map(({ t }) => t).slice(-2)).toEqual(['sub-ok', 'sub-live']);
    await follow(socket, id, 70_000_000_000);
    expect(socket.frame('reset')).toMatchObject({ reason: 'unknown-position', conversation: id });
    const [sequence = 0] = await stage.say(id, 1);
    await socket.seen(sequence);
    expect([replayed(socket, id), live(socket, id)]).toEqual([[], [2]]);
  });

  test('does not show a text that is deleted, nor the names of an audience', async () => {
    const id = await open(broadcast({ kind: 'custom', userIds: ['zoe', 'yan'] }));
    await stage.world.writer.commit(id, drafts.sent(1, 'secret'));
    await stage.world.writer.commit(id, drafts.messageDeleted(1));
    for (const at of [stage.gateway, await stage.coldGateway()]) {
      const socket = await enter('zoe', 'all', { at });
      await follow(socket, id);
      expect(replayed(socket, id)).toEqual([1, 2, 3]);
      expect(JSON.stringify(socket.frames)).not.toMatch(/secret|yan/);
    }
  });

  test('of a member begins where they joined, when history is for members', async () => {
    const id = await open(closedChannel);
    await stage.say(id, 2);
    await stage.world.writer.commit(id, drafts.added('zoe'));
    await stage.say(id, 1);
    const socket = await enter('zoe', 'none');
    await follow(socket, id, 1);
    expect(socket.frame('sub-ok')).toMatchObject({ from: 3, head: 5 });
    expect(replayed(socket, id)).toEqual([4, 5]);
  });
});

describe('following ends', () => {
  test('with a ban of a visitor, who sees nothing of it and nothing after it', async () => {
    const id = await open(channel);
    const socket = await enter('zoe', 'all');
    await follow(socket, id, 'head');
    const banned: Draft = { type: 'member.banned', data: { userId: 'zoe', reason: 'rude' } };
    await stage.world.writer.commit(id, banned, drafts.sent(1));
    await socket.until(({ client }) => client.revoked.length > 0);
    expect(socket.frame('revoked')).toEqual({ t: 'revoked', conversation: id, reason: 'banned' });
    expect(live(socket, id)).toEqual([2]);
    expect(JSON.stringify(socket.frames)).not.toContain('rude');
    await follow(socket, id, 2);
    expect(socket.frame('error')?.code).toBe('banned');
  });

  test.each([
    ['left', drafts.left('zoe')],
    ['removed', drafts.removed('zoe')],
    ['banned', drafts.banned('zoe', 'member')],
    ['deleted', drafts.deleted()],
  ])('for a bot that is a member: %s, told once', async (reason, draft) => {
    const id = await open({}, { zoe: 'member' });
    const bot = await enter('zoe', 'none');
    const user = await enter('zoe', 'all');
    for (const socket of [bot, user]) await follow(socket, id, 'head');
    await stage.world.writer.commit(id, draft);
    for (const socket of [bot, user]) {
      await socket.until(({ client }) => client.revoked.length > 0);
      expect(socket.frames.filter(({ t }) => t === 'revoked')).toEqual([
        { t: 'revoked', conversation: id, reason },
      ]);
      expect(live(socket, id)).toEqual([2]);
    }
  });

  test('when the history is for members from now on, or the token names the segment no more', async () => {
    const room = await open(channel);
    const news = await open(broadcast({ kind: 'segment', segment: 'eu' }));
    const socket = await enter('zoe', 'all', { segments: ['eu'] });
    for (const id of [room, news]) await follow(socket, id, 'head');
    const historyVisibility = 'joined' as const;
    await stage.world.writer.commit(room, {
      type: 'conversation.updated',
      data: { settings: { historyVisibility } },
    });
    await socket.until(({ client }) => client.revoked.includes(room));
    const { token } = await stage.world.issuer.signer.sign({ sub: 'zoe', segments: ['us'] });
    socket.send({ t: 'auth', token });
    await socket.until(({ client }) => client.revoked.includes(news));
    const reasons = socket.frames.flatMap((frame) => (frame.t === 'revoked' ? [frame.reason] : []));
    expect(reasons).toEqual(['removed', 'removed']);
  });

  test('by unsub, after which nothing comes', async () => {
    const id = await open(channel);
    const marker = await open({}, { zoe: 'member' });
    const socket = await enter('zoe', 'all');
    await follow(socket, id, 'head');
    socket.send({ t: 'unsub', id: 1, conversation: id });
    // Frames are taken in order: once this is answered, the other has been done.
    await follow(socket, marker, 'head');
    await stage.say(id, 1);
    const [last = 0] = await stage.say(marker, 1);
    await socket.seen(last);
    expect(live(socket, id)).toEqual([]);
  });
});

describe('who comes to be a member', () => {
  test('has the commit once and whole, and goes on with the feed alone', async () => {
    const id = await open(channel);
    const [follower, other] = [await enter('zoe', 'all'), await enter('zoe', 'all')];
    await follow(follower, id, 'head');
    await stage.world.writer.commit(id, drafts.sent(1), drafts.added('zoe'), drafts.sent(2));
    const [last = 0] = await stage.say(id, 1);
    for (const socket of [follower, other]) await socket.seen(last);
    expect(live(follower, id)).toEqual([2, 3, 4, 5]);
    expect(live(other, id)).toEqual([3, 4, 5]);
    follower.send({ t: 'unsub', id: 1, conversation: id });
    const [after = 0] = await stage.say(id, 1);
    await follower.seen(after);
    expect(live(follower, id)).toEqual([2, 3, 4, 5, 6]);
    expect(follower.client.faults).toEqual([]);
  });

  test('is followed on where there is no feed', async () => {
    const id = await open(channel);
    const bot = await enter('zoe', 'none');
    await follow(bot, id, 'head');
    await stage.world.writer.commit(id, drafts.added('zoe'));
    const [last = 0] = await stage.say(id, 1);
    await bot.seen(last);
    expect(live(bot, id)).toEqual([2, 3]);
  });
});

test('while the read model cannot answer, the connection stays and says so', async () => {
  const id = await open(channel);
  const socket = await enter('zoe', 'all');
  await stage.world.rows.query('alter table read_model.bans rename to away');
  await follow(socket, id);
  await stage.world.rows.query('alter table read_model.away rename to bans');
  expect(socket.frame('error')).toMatchObject({ code: 'unavailable' });
  expect(socket.frame('error')?.retryAfterMs).toBeGreaterThan(0);
  await follow(socket, id);
  expect(replayed(socket, id)).toEqual([1]);
});

test('a client that was cut off goes on by version on another gateway', async () => {
  const id = await open(channel);
  const first = await enter('zoe', 'none');
  await follow(first, id);
  const [sequence = 0] = await stage.say(id, 2);
  await first.seen(sequence);
  first.socket.terminate();
  await stage.say(id, 3);
  const second = await enter('zoe', 'none', { at: await stage.world.gateway() });
  await follow(second, id, 2);
  expect(replayed(second, id)).toEqual([3, 4, 5, 6]);
});
