import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enter, leave, type Node, PresenceWorld, watcherOn } from '../testing/presence-world.ts';

describe.each(['redis', 'nats'] as const)('presence over %s', (kind) => {
  let world: PresenceWorld;
  let here: Node;
  let there: Node;
  let names = 0;
  const newUser = (): string => `user-${++names}`;
  const until = <T>(ask: () => T) => expect.poll(ask, { timeout: 20_000, interval: 10 });
  beforeAll(async () => {
    world = await PresenceWorld.start(kind);
    here = await world.node();
    there = await world.node();
  });
  afterAll(() => world.stop());

  test('a watch is answered at once in one frame, for those who are there and those who never were', async () => {
    const [user, nobody] = [newUser(), newUser()];
    const socket = enter(there, user);
    const first = watcherOn(here, [user]);
    await until(() => first.state(user)).toBe('active');
    const second = watcherOn(here, [user, nobody, user]);
    await until(() => second.frames).toEqual([
      {
        t: 'presences',
        items: [
          { user, state: 'active' },
          { user: nobody, state: 'offline' },
        ],
      },
    ]);
    leave(there, socket);
  });

  test('a change on one process is seen on the other, and when the socket has gone when that was', async () => {
    const user = newUser();
    const watcher = watcherOn(here, [user]);
    await until(() => watcher.state(user)).toBe('offline');
    expect(watcher.known.get(user)).toEqual({ user, state: 'offline' });
    const before = Date.now();
    const socket = enter(there, user);
    await until(() => watcher.state(user)).toBe('active');
    for (const state of ['away', 'dnd', 'active'] as const) {
      there.presence.change(socket, state);
      await until(() => watcher.state(user)).toBe(state);
    }
    leave(there, socket);
    leave(there, socket);
    await until(() => watcher.state(user)).toBe('offline');
    expect(watcher.known.get(user)?.lastSeen).toBeGreaterThanOrEqual(before);
    expect(watcher.known.get(user)?.lastSeen).toBeLessThanOrEqual(Date.now());
  });

  test('several devices are one user: dnd before active before away, and offline with the last', async () => {
    const user = newUser();
    const watcher = watcherOn(here, [user]);
    const away = enter(here, user, 'away');
    await until(() => watcher.state(user)).toBe('away');
    const active = enter(there, user, 'active');
    await until(() => watcher.state(user)).toBe('active');
    const dnd = enter(there, user, 'dnd');
    await until(() => watcher.state(user)).toBe('dnd');
    leave(there, dnd);
    await until(() => watcher.state(user)).toBe('active');
    leave(there, active);
    await until(() => watcher.state(user)).toBe('away');
    leave(here, away);
    await until(() => watcher.state(user)).toBe('offline');
  });

  test('who becomes invisible looks as if they had gone, whatever their devices do, until they are back', async () => {
    const user = newUser();
    const watcher = watcherOn(here, [user]);
    const socket = enter(there, user);
    await until(() => watcher.state(user)).toBe('active');
    there.presence.change(socket, 'invisible');
    await until(() => watcher.state(user)).toBe('offline');
    const { lastSeen } = watcher.known.get(user) ?? {};
    expect(lastSeen).toBeGreaterThan(0);
    const told = watcher.frames.length;
    const other = enter(here, user, 'active');
    // Others who watch say when the second device has been written and looked at.
    const witness = newUser();
    const marker = enter(here, witness);
    const late = watcherOn(here, [user, witness], 'late');
    await until(() => late.state(witness)).toBe('active');
    expect(late.known.get(user)).toEqual({ user, state: 'offline', lastSeen });
    leave(here, other);
    leave(here, marker);
    await until(() => late.state(witness)).toBe('offline');
    expect(late.known.get(user)).toEqual({ user, state: 'offline', lastSeen });
    expect(watcher.frames).toHaveLength(told);
    there.presence.change(socket, 'away');
    await until(() => watcher.state(user)).toBe('away');
    leave(there, socket);
  });

  test('who says invisible at hello is never seen', async () => {
    const [user, witness] = [newUser(), newUser()];
    const watcher = watcherOn(here, [user, witness]);
    const sockets = [enter(there, user, 'invisible'), enter(there, witness)];
    await until(() => watcher.state(witness)).toBe('active');
    for (const socket of sockets) leave(there, socket);
    await until(() => watcher.state(witness)).toBe('offline');
    expect(watcher.history(user)).toEqual(['offline']);
    expect(watcher.known.get(user)).toEqual({ user, state: 'offline' });
  });

  test('when they were last seen is told of nobody who does not want it', async () => {
    const [user, open] = [newUser(), newUser()];
    await world.hideLastSeen(user);
    const watcher = watcherOn(here, [user, open]);
    const sockets = [enter(there, user), enter(there, open)];
    await until(() => [watcher.state(user), watcher.state(open)]).toEqual(['active', 'active']);
    for (const socket of sockets) leave(there, socket);
    await until(() => [watcher.state(user), watcher.state(open)]).toEqual(['offline', 'offline']);
    expect(watcher.known.get(user)).toEqual({ user, state: 'offline' });
    expect(watcher.known.get(open)?.lastSeen).toBeGreaterThan(0);
  });

  test('who is blocked sees nobody, and learns nothing from frames either', async () => {
    const [user, witness] = [newUser(), newUser()];
    await world.block(user, 'blocked');
    const blocked = watcherOn(here, [user, witness], 'blocked');
    const friend = watcherOn(here, [user], 'friend');
    await until(() => [blocked.state(user), friend.state(user)]).toEqual(['offline', 'offline']);
    const socket = enter(there, user);
    await until(() => friend.state(user)).toBe('active');
    there.presence.change(socket, 'dnd');
    await until(() => friend.state(user)).toBe('dnd');
    leave(there, socket);
    await until(() => friend.state(user)).toBe('offline');
    const marker = enter(there, witness);
    await until(() => blocked.state(witness)).toBe('active');
    expect(blocked.history(user)).toEqual(['offline']);
    expect(blocked.known.get(user)).toEqual({ user, state: 'offline' });
    leave(there, marker);
  });

  test('who reconnects within the grace was never gone', async () => {
    const [user, witness] = [newUser(), newUser()];
    const watcher = watcherOn(here, [user, witness]);
    const [first, marker] = [enter(there, user), enter(there, witness)];
    await until(() => [watcher.state(user), watcher.state(witness)]).toEqual(['active', 'active']);
    leave(there, first);
    leave(there, marker);
    const second = enter(here, user);
    await until(() => watcher.state(witness)).toBe('offline');
    const history = watcher.history(user);
    expect(history.slice(history.indexOf('active'))).not.toContain('offline');
    expect(watcher.state(user)).toBe('active');
    leave(here, second);
  });

  test('a socket that takes nothing now is told later, the latest, and once', async () => {
    const [user, witness] = [newUser(), newUser()];
    const slow = watcherOn(here, [user]);
    const quick = watcherOn(here, [user, witness]);
    const socket = enter(there, user);
    await until(() => [slow.state(user), quick.state(user)]).toEqual(['active', 'active']);
    slow.full = true;
    const told = slow.frames.length;
    for (const state of ['away', 'dnd', 'away'] as const) {
      there.presence.change(socket, state);
      await until(() => quick.state(user)).toBe(state);
    }
    slow.full = false;
    await until(() => slow.state(user)).toBe('away');
    expect(slow.frames.slice(told)).toEqual([{ t: 'presence', user, state: 'away' }]);
    leave(there, socket);
  });
});
