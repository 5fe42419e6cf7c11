import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  enter,
  leave,
  type Node,
  type PresenceSocket,
  PresenceWorld,
  watcherOn,
} from '../testing/presence-world.ts';

describe.each(['redis', 'nats'] as const)('presence over %s when much goes away or comes at once', (kind) => {
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

  test('the users of a killed process are offline on the others, without ghosts', async () => {
    const doomed = await world.node();
    const users = Array.from({ length: 30 }, newUser);
    for (const user of users) enter(doomed, user);
    const watcher = watcherOn(here, users);
    await until(() => users.filter((user) => watcher.state(user) === 'active').length).toBe(30);
    await doomed.kill();
    await until(() => users.filter((user) => watcher.state(user) === 'offline').length).toBe(30);
    expect(users.filter((user) => watcher.known.get(user)?.lastSeen === undefined)).toEqual([]);
    const late = watcherOn(there, users, 'late');
    await until(() => users.filter((user) => late.state(user) === 'offline').length).toBe(30);
  });

  test('a process that stops says goodbye for all its sockets', async () => {
    const stopping = await world.node();
    const user = newUser();
    const watcher = watcherOn(here, [user]);
    enter(stopping, user);
    await until(() => watcher.state(user)).toBe('active');
    await stopping.presence.stop();
    await until(() => watcher.state(user)).toBe('offline');
  });

  test('while the store is away everybody is unknown; when it is back, what was is there again', async () => {
    const [user, gone] = [newUser(), newUser()];
    const watcher = watcherOn(here, [user, gone]);
    const socket = enter(there, user);
    await until(() => [watcher.state(user), watcher.state(gone)]).toEqual(['active', 'offline']);
    await world.store.kill();
    await until(() => [watcher.state(user), watcher.state(gone)]).toEqual(['unknown', 'unknown']);
    const late = watcherOn(here, [newUser(), user], 'late');
    await until(() => [...late.known.values()].map(({ state }) => state)).toEqual(['unknown', 'unknown']);
    await world.store.restart();
    await until(() => [watcher.state(user), watcher.state(gone)]).toEqual(['active', 'offline']);
    await until(() => late.state(user)).toBe('active');
    // Neither process has taken the other's leases for gone.
    const since = watcher.history(user).lastIndexOf('unknown');
    expect(watcher.history(user).slice(since)).toEqual(['unknown', 'active']);
    there.presence.change(socket, 'dnd');
    await until(() => watcher.state(user)).toBe('dnd');
    leave(there, socket);
  });

  test('two hundred who watch each other and all come back cost in proportion, not squared', async () => {
    const nodes = [
      await world.node({ tellMs: 500, tickMs: 100 }),
      await world.node({ tellMs: 500, tickMs: 100 }),
    ];
    const users = Array.from({ length: 200 }, newUser);
    const N = users.length;
    let messages = 0;
    const end = here.signals.listen('live.presence', () => {
      messages += 1;
    });
    const nodeOf = (index: number): Node => {
      const node = nodes[index % 2];
      if (!node) throw new Error('there are two');
      return node;
    };
    const connectAll = (): PresenceSocket[] =>
      users.map((user, index) => {
        const socket = enter(nodeOf(index), user);
        nodeOf(index).presence.watch(socket, users);
        return socket;
      });
    const sum = (what: keyof Node['counts']): number =>
      nodes.reduce((all, { counts }) => all + counts[what], 0);
    const allKnow = (sockets: PresenceSocket[], state: string) => () =>
      sockets.filter((socket) => users.every((user) => socket.state(user) === state)).length;

    const sockets = connectAll();
    await until(allKnow(sockets, 'active')).toBe(N);
    // Frames: an answer, and what it was too early for. Reads: for the answer, for the news, before a write.
    expect(sum('frames')).toBeLessThanOrEqual(6 * N);
    expect(sum('usersAnnounced')).toBe(N);
    expect(messages).toBeLessThanOrEqual(20);
    expect(sum('usersRead')).toBeLessThanOrEqual(12 * N);

    const [frames, reads] = [sum('frames'), sum('usersRead')];
    for (const [index, socket] of sockets.entries()) leave(nodeOf(index), socket);
    const again = connectAll();
    await until(allKnow(again, 'active')).toBe(N);
    for (const [index, socket] of again.entries()) nodeOf(index).presence.change(socket, 'dnd');
    await until(allKnow(again, 'dnd')).toBe(N);
    expect(users.filter((user) => again.some((socket) => socket.history(user).includes('offline')))).toEqual(
      [],
    );
    expect(sum('frames') - frames).toBeLessThanOrEqual(8 * N);
    expect(sum('usersRead') - reads).toBeLessThanOrEqual(20 * N);
    end();
  });

  test('while Postgres is away nobody new is shown; who was known stays, and it ends by itself', async () => {
    const [user, other] = [newUser(), newUser()];
    const watcher = watcherOn(here, [user]);
    const socket = enter(there, user);
    const hidden = enter(there, other);
    await until(() => watcher.state(user)).toBe('active');
    await world.postgres.kill();
    const late = watcherOn(here, [user, other], 'late');
    await until(() => [late.state(user), late.state(other)]).toEqual(['active', 'unknown']);
    // Looked at again and again meanwhile, and never shown on a guess.
    const looks = here.counts.usersRead;
    await until(() => here.counts.usersRead).toBeGreaterThan(looks + 2);
    there.presence.change(socket, 'dnd');
    await until(() => [watcher.state(user), late.state(user)]).toEqual(['dnd', 'dnd']);
    expect(late.history(other)).toEqual(['unknown']);
    await world.postgres.restart();
    await until(() => late.state(other)).toBe('active');
    leave(there, socket);
    leave(there, hidden);
  });
});
