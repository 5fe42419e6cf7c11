import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { MembershipReader } from './read-membership.ts';
import { conversation, drafts } from './testing/commits.ts';
import { GatewayStage } from './testing/gateway-stage.ts';
import type { TestSocket } from './testing/test-socket.ts';

let stage: GatewayStage;

beforeAll(async () => {
  stage = await GatewayStage.set();
});
afterEach(() => stage.clear());
afterAll(() => stage?.stop());

describe('membership', () => {
  test('somebody who is removed sees the removal, is told, and sees nothing more', async () => {
    const { id } = await stage.room('gus', 'hal');
    const [gus, hal] = [await stage.connect('gus'), await stage.connect('hal')];
    await Promise.all([gus.live(), hal.live()]);
    const removal = await stage.world.writer.commit(id, drafts.removed('gus'));
    const [after] = await stage.say(id, 1);
    await hal.seen(after ?? 0);
    await gus.until(({ client }) => client.revoked.length > 0);
    expect(gus.sequences()).toEqual([removal]);
    expect(gus.frame('revoked')).toEqual({ t: 'revoked', conversation: id, reason: 'removed' });
    expect(hal.sequences()).toEqual([removal, after]);
  });

  test('somebody who left while away is told on resuming', async () => {
    const { id, created } = await stage.room('ian', 'joe');
    const left = await stage.world.writer.commit(id, drafts.left('ian'));
    await stage.world.left(id, 'ian', left, 'left');
    await stage.world.conversation(id, 2, 1);
    await stage.world.checkpoint();
    const socket = await stage.connect('ian', stage.world.position(created));
    await socket.live();
    expect(socket.frame('revoked')).toEqual({ t: 'revoked', conversation: id, reason: 'left' });
    expect(socket.sequences()).toEqual([]);
    const again = await stage.connect('ian', stage.world.position(left));
    await again.live();
    expect(again.frame('revoked')).toBeUndefined();
  });

  test('the members of a deleted conversation see the deletion and are told, on resuming too', async () => {
    const { id, created } = await stage.room('bea', 'coy');
    const [bea, coy] = [await stage.connect('bea'), await stage.connect('coy')];
    await Promise.all([bea.live(), coy.live()]);
    const deleted = await stage.world.writer.commit(id, drafts.deleted());
    for (const socket of [bea, coy]) {
      await socket.until(({ client }) => client.revoked.length > 0);
      expect(socket.sequences()).toEqual([deleted]);
      expect(socket.frame('revoked')).toEqual({ t: 'revoked', conversation: id, reason: 'deleted' });
    }
    await stage.world.deleted(id, deleted);
    await stage.world.checkpoint();
    const away = await stage.connect('bea', stage.world.position(created));
    await away.live();
    expect(away.frame('revoked')).toEqual({ t: 'revoked', conversation: id, reason: 'deleted' });
    expect(away.sequences()).toEqual([]);
    const later = await stage.connect('bea', stage.world.position(deleted));
    await later.live();
    expect(later.frame('revoked')).toBeUndefined();
  });

  test('is read for many at once as for each alone', async () => {
    const { id, created } = await stage.room('una', 'vic');
    const gone = await stage.room('vic', 'wim');
    const left = await stage.world.writer.commit(id, drafts.left('vic'));
    await stage.world.left(id, 'vic', left, 'left');
    await stage.world.conversation(id, 2, 1);
    const deleted = await stage.world.writer.commit(gone.id, drafts.deleted());
    await stage.world.deleted(gone.id, deleted);
    await stage.world.checkpoint();
    const reader = new MembershipReader(stage.world.rows);
    const read = async ([userId, since]: readonly [string, number]) => {
      const { memberships, departures } = await reader.read(userId, since);
      return [memberships.map(({ conversationId }) => conversationId), departures];
    };
    const [leave, end] = [
      { conversationId: id, reason: 'left' },
      { conversationId: gone.id, reason: 'deleted' },
    ];
    const asked: [string, number][] = [
      ['una', 0],
      ['vic', created],
      ['vic', left],
      ['vic', deleted],
      ['xis', 0],
    ];
    const expected = [
      [[id], []],
      [[], [leave, end]],
      [[], [end]],
      [[], []],
      [[], []],
    ];
    expect(await Promise.all(asked.map(read))).toEqual(expected);
    for (const [index, each] of asked.entries()) expect(await read(each)).toEqual(expected[index]);
  });

  test('somebody who is banned is told so', async () => {
    const { id, created } = await stage.room('dov', 'eda');
    const dov = await stage.connect('dov');
    await dov.live();
    const banned = await stage.world.writer.commit(id, drafts.banned('dov', 'member'));
    await dov.until(({ client }) => client.revoked.length > 0);
    expect(dov.sequences()).toEqual([banned]);
    await stage.world.left(id, 'dov', banned, 'banned');
    await stage.world.checkpoint();
    const again = await stage.connect('dov', stage.world.position(created));
    await again.live();
    expect(again.frame('revoked')).toEqual({ t: 'revoked', conversation: id, reason: 'banned' });
  });

  test('somebody who left and came back sees what follows the return', async () => {
    const { id, created } = await stage.room('kim', 'lea');
    await stage.world.writer.commit(id, drafts.left('kim'));
    await stage.say(id, 3);
    const back = await stage.world.writer.commit(id, drafts.sent(4), drafts.added('kim'), drafts.sent(5));
    const since = await stage.say(id, 2);
    await stage.world.member(id, 'kim', back);
    await stage.world.conversation(id, stage.world.writer.version(id), 2);
    await stage.world.checkpoint();
    for (const at of [stage.gateway, await stage.coldGateway()]) {
      const socket = await stage.connect('kim', stage.world.position(created), at);
      await socket.live();
      expect(socket.sequences()).toEqual([back, ...since]);
      expect(socket.client.seen[0]?.events.map((event) => event.type)).toEqual([
        'members.added',
        'message.sent',
      ]);
      expect(socket.client.revoked).toEqual([]);
    }
  });

  test('somebody who is added gets the conversation at once, on every device', async () => {
    const { id } = await stage.room('max');
    const [phone, desk] = [await stage.connect('nia'), await stage.connect('nia')];
    await Promise.all([phone.live(), desk.live()]);
    await stage.say(id, 1);
    const added = await stage.world.writer.commit(id, drafts.added('nia'));
    const [next] = await stage.say(id, 1);
    for (const device of [phone, desk]) {
      await device.seen(next ?? 0);
      expect(device.sequences()).toEqual([added, next]);
    }
  });
});

describe('receipts', () => {
  test('go to the members, never with cursors of conversations that they are not in', async () => {
    const { id } = await stage.room('oda', 'pia');
    // A conversation of the same partition: both cursors travel in one commit.
    const { id: secret } = await stage.room('pia');
    const [oda, pia] = [await stage.connect('oda'), await stage.connect('pia')];
    await Promise.all([oda.live(), pia.live()]);
    const sequence = await stage.world.writer.reads([
      { conversationId: id, userId: 'pia', readOrdinal: 1 },
      { conversationId: secret, userId: 'pia', readOrdinal: 2 },
    ]);
    await Promise.all([oda.seen(sequence), pia.seen(sequence)]);
    const cursorsOf = (socket: TestSocket) =>
      socket.client.seen.flatMap(({ events }) =>
        events.flatMap((event) => (event.data as { entries: { conversationId: string }[] }).entries),
      );
    expect(cursorsOf(oda).map((entry) => entry.conversationId)).toEqual([id]);
    expect(cursorsOf(pia).map((entry) => entry.conversationId)).toEqual([id, secret]);
  });
});

describe('receipts of a conversation that nobody here was in', () => {
  test('come once the read model has told whether they are shown', async () => {
    const { id } = await stage.room('jem');
    const [kit, lou] = [await stage.connect('kit'), await stage.connect('lou')];
    await Promise.all([kit.live(), lou.live()]);
    await stage.world.writer.commit(id, drafts.added('kit', 'lou'));
    const read = () => stage.world.writer.reads([{ conversationId: id, userId: 'kit', readOrdinal: 1 }]);
    const unknown = await read();
    await kit.seen(unknown);
    await stage.world.conversation(id, stage.world.writer.version(id), 3);
    await expect
      .poll(
        async () => {
          await kit.seen(await read());
          return lou.sequences().length;
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(1);
    expect(lou.sequences()).not.toContain(unknown);
  });
});

describe('what is one’s own', () => {
  test('a lowered cursor is plain to its user and redacted for others, live and replayed', async () => {
    const { id, created } = await stage.room('fia', 'geo');
    const live = [await stage.connect('fia'), await stage.connect('geo')];
    await Promise.all(live.map((socket) => socket.live()));
    const lowered = await stage.world.writer.commit(id, drafts.lowered('fia', 3));
    const cold = await stage.coldGateway();
    for (const [index, userId] of ['fia', 'geo'].entries()) {
      const replayed = await stage.connect(userId, stage.world.position(created));
      const fromLog = await stage.connect(userId, stage.world.position(created), cold);
      for (const socket of [live[index], replayed, fromLog]) {
        await socket?.seen(lowered);
        expect(socket?.client.seen[0]?.events[0]).toMatchObject(
          userId === 'fia' ? { actor: 'writer', data: { ordinal: 3 } } : { actor: 'parley', data: {} },
        );
      }
    }
  });

  test('facts of a user reach every device of theirs and nobody else', async () => {
    const { id } = await stage.room('hue', 'ivo');
    const [phone, desk, other] = [
      await stage.connect('hue'),
      await stage.connect('hue'),
      await stage.connect('ivo'),
    ];
    await Promise.all([phone, desk, other].map((socket) => socket.live()));
    const messageId = conversation(900_001);
    const report = { conversationId: id, messageId, ordinal: 1, authorId: 'ivo', reason: 'spam' as const };
    const own = await stage.world.writer.own(
      'hue',
      { type: 'inbox.muted', data: { conversationId: id } },
      { type: 'message.reported', data: report },
      { type: 'user.blocked', data: { userId: 'ivo' } },
    );
    const [next] = await stage.say(id, 1);
    await Promise.all([phone, desk, other].map((socket) => socket.seen(next ?? 0)));
    for (const device of [phone, desk]) expect(device.sequences()).toEqual([own, next]);
    expect(other.sequences()).toEqual([next]);
  });
});
