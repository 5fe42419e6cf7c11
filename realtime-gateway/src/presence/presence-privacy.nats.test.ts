import type { LeaseStore } from '@parley/runtime';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { enter, leave, type Node, PresenceWorld, watcherOn } from '../testing/presence-world.ts';

/** Nobody is looked at for a long time unless there is a reason. */
const RARELY = { ttlMs: 60_000, renewMs: 20_000, seenMs: 20_000 };

/** Reads of one user fail. */
const unreadable =
  (user: string) =>
  (store: LeaseStore): LeaseStore => ({
    staleMs: store.staleMs,
    put: (leases) => store.put(leases),
    read: (groups) =>
      groups.includes(user) ? Promise.reject(new Error('cannot be read')) : store.read(groups),
    onReturn: (listener) => store.onReturn(listener),
  });

/** Reads may be old for so long that nothing but the fact itself has the user looked at again in time. */
const replicated = (store: LeaseStore): LeaseStore => ({
  staleMs: 60_000,
  put: (leases) => store.put(leases),
  read: (groups) => store.read(groups),
  onReturn: (listener) => store.onReturn(listener),
});

/** Each user's list of blocked ones takes longer to be read than a look waits. */
const SLOW_BLOCKS = `
alter table read_model.blocks rename to quick_blocks;
create view read_model.blocks as select * from read_model.quick_blocks
  union all select pause, pause, now() from (select pg_sleep(1.2)::text as pause offset 0) as slow`;
const QUICK_BLOCKS = `
drop view read_model.blocks;
alter table read_model.quick_blocks rename to blocks`;

describe.each(['redis', 'nats'] as const)('presence over %s that must show in time', (kind) => {
  let world: PresenceWorld;
  let here: Node;
  let there: Node;
  let names = 0;
  const newUser = (): string => `user-${++names}`;
  const until = <T>(ask: () => T) => expect.poll(ask, { timeout: 15_000, interval: 10 });
  beforeAll(async () => {
    world = await PresenceWorld.start(kind);
    here = await world.node(RARELY);
    there = await world.node(RARELY);
  });
  afterAll(() => world.stop());

  test('who has come to this process is seen by whoever asks next, however early', async () => {
    const user = newUser();
    const first = watcherOn(here, [user]);
    await until(() => first.state(user)).toBe('offline');
    const socket = enter(here, user);
    const second = watcherOn(here, [user]);
    await until(() => second.state(user)).toBe('active');
    expect(second.history(user)).toEqual(['active']);
    leave(here, socket);
  });

  test('one user who cannot be read keeps nobody of the same process from being seen', async () => {
    const [user, evil] = [newUser(), newUser()];
    const node = await world.node(RARELY, unreadable(evil));
    const watcher = watcherOn(here, [user, evil]);
    await until(() => watcher.state(user)).toBe('offline');
    const sockets = [enter(node, evil), enter(node, user)];
    await until(() => [watcher.state(user), watcher.state(evil)]).toEqual(['active', 'active']);
    for (const socket of sockets) leave(node, socket);
  });

  test('while Postgres does not answer, who becomes invisible is gone, and nobody new is shown', async () => {
    const [user, other] = [newUser(), newUser()];
    const watcher = watcherOn(here, [user]);
    const [socket, hidden] = [enter(there, user), enter(there, other)];
    await until(() => watcher.state(user)).toBe('active');
    const answer = await world.holdPrivacy();
    there.presence.change(socket, 'invisible');
    await until(() => watcher.state(user)).toBe('offline');
    const late = watcherOn(here, [user, other], 'late');
    await until(() => [late.state(user), late.state(other)]).toEqual(['offline', 'unknown']);
    await answer();
    await until(() => late.state(other)).toBe('active');
    for (const one of [socket, hidden]) leave(there, one);
  });

  test('while Postgres answers later than a look waits, who is new is shown, and who is blocked is not', async () => {
    const [user, wary] = [newUser(), newUser()];
    await world.block(wary, 'watcher');
    await world.rows.query(SLOW_BLOCKS);
    onTestFinished(async () => {
      await world.rows.query(QUICK_BLOCKS);
    });
    const sockets = [enter(there, user), enter(there, wary)];
    const [watcher, friend] = [watcherOn(here, [user, wary]), watcherOn(here, [wary], 'friend')];
    await until(() => [watcher.state(user), watcher.state(wary)]).toEqual(['active', 'offline']);
    await until(() => friend.state(wary)).toBe('active');
    expect(watcher.history(wary)).not.toContain('active');
    for (const socket of sockets) leave(there, socket);
  });

  test('a block shows in the end though the read model is late and leases change meanwhile', async () => {
    const node = await world.node(RARELY, replicated);
    const user = newUser();
    const blocked = watcherOn(node, [user], 'blocked');
    const socket = enter(there, user);
    await until(() => blocked.state(user)).toBe('active');
    node.presence.factsChanged(user);
    there.presence.change(socket, 'dnd');
    // The look for the change does not see the block yet.
    await until(() => blocked.state(user)).toBe('dnd');
    await world.block(user, 'blocked');
    await until(() => blocked.state(user)).toBe('offline');
    leave(there, socket);
  });

  test('a change of leases does not put off the look for a block', async () => {
    const node = await world.node(RARELY, replicated);
    const [busy, quiet] = [newUser(), newUser()];
    const blocked = watcherOn(node, [busy, quiet], 'blocked');
    const [socket, other] = [enter(there, busy), enter(there, quiet)];
    await until(() => [blocked.state(busy), blocked.state(quiet)]).toEqual(['active', 'active']);
    node.presence.factsChanged(busy);
    node.presence.factsChanged(quiet);
    there.presence.change(socket, 'dnd');
    await until(() => blocked.state(busy)).toBe('dnd');
    await world.block(busy, 'blocked');
    await world.block(quiet, 'blocked');
    // Nothing but the fact has this one looked at; the other is to be looked at no later.
    await until(() => blocked.state(quiet)).toBe('offline');
    expect(blocked.state(busy)).toBe('offline');
    for (const one of [socket, other]) leave(there, one);
  });

  test('a block shows when the commit that says so has come by', async () => {
    const user = newUser();
    const [blocked, friend] = [watcherOn(here, [user], 'blocked'), watcherOn(here, [user], 'friend')];
    const socket = enter(there, user);
    await until(() => [blocked.state(user), friend.state(user)]).toEqual(['active', 'active']);
    await world.block(user, 'blocked');
    here.presence.factsChanged(user);
    await until(() => blocked.state(user)).toBe('offline');
    expect(friend.state(user)).toBe('active');
    leave(there, socket);
  });

  test('who blocks a thousand and more is hidden from each of them, and seen by all others', async () => {
    const user = newUser();
    await world.rows.query(
      `insert into read_model.blocks select $1, 'enemy-' || n, now() from generate_series(1, 1500) n`,
      [user],
    );
    const [friend, enemy] = [watcherOn(here, [user], 'friend'), watcherOn(here, [user], 'enemy-1499')];
    const socket = enter(there, user);
    await until(() => friend.state(user)).toBe('active');
    const late = [watcherOn(here, [user], 'enemy-1'), watcherOn(here, [user], 'stranger')];
    await until(() => late.map((one) => one.state(user))).toEqual(['offline', 'active']);
    there.presence.change(socket, 'dnd');
    await until(() => [friend.state(user), late[1]?.state(user)]).toEqual(['dnd', 'dnd']);
    expect([enemy.history(user), late[0]?.history(user)]).toEqual([['offline'], ['offline']]);
    leave(there, socket);
  });

  test('of what a socket asks in quick succession the last counts, and only that is looked up', async () => {
    const node = await world.node({ ...RARELY, tellMs: 3_000 });
    const users = Array.from({ length: 50 }, newUser);
    const [first = '', ...others] = users;
    const socket = watcherOn(node, [first]);
    await until(() => socket.state(first)).toBe('offline');
    const before = node.counts.usersRead;
    for (const user of others) node.presence.watch(socket, [user]);
    const last = users.at(-1) ?? '';
    await until(() => socket.state(last)).toBe('offline');
    expect([...socket.known.keys()]).toEqual([first, last]);
    // The last one, and the watcher's own lease.
    expect(node.counts.usersRead - before).toBeLessThanOrEqual(3);
  });
});

test('while NATS is away and Redis is not, a change shows on the same process, on the others when it is back', async () => {
  const world = await PresenceWorld.start('redis');
  const [here, there] = [await world.node(RARELY), await world.node(RARELY)];
  const until = <T>(ask: () => T) => expect.poll(ask, { timeout: 15_000, interval: 10 });
  const [near, far] = [watcherOn(here, ['ann']), watcherOn(there, ['ann'])];
  const socket = enter(here, 'ann');
  await until(() => [near.state('ann'), far.state('ann')]).toEqual(['active', 'active']);
  await world.nats.kill();
  here.presence.change(socket, 'invisible');
  await until(() => near.state('ann')).toBe('offline');
  expect(far.state('ann')).toBe('active');
  await world.nats.restart();
  await until(() => far.state('ann')).toBe('offline');
  await world.stop();
});
