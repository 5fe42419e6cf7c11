import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PresenceView, type Shown, shownTo, viewOf } from './presence-view.ts';
import { WatchTable } from './watch-table.ts';

interface Client {
  userId: string;
  known: Map<string, string>;
}

const client = (userId: string): Client => ({ userId, known: new Map() });
const view = (user: string, state: 'active' | 'away' | 'offline', blocked: string[] = []): PresenceView =>
  viewOf(
    user,
    { state, lastSeen: null, endsInMs: null },
    { lastSeenVisible: true, blocked: new Set(blocked) },
  );
const users = (all: readonly Shown[]) => all.map(({ text }) => (JSON.parse(text) as { user: string }).user);
const told = (owed: Iterable<[Client, Shown[]]>) => [...owed].map(([to, views]) => [to.userId, users(views)]);

test('a watch is answered when all it names were looked at, with those known here before', () => {
  const table = new WatchTable<Client>();
  const [ann, bob] = [client('ann'), client('bob')];
  table.watch(ann, ['x']);
  expect(table.take(0, 10)).toEqual(['x']);
  table.see('x', view('x', 'active'), 100);
  expect(told(table.answers())).toEqual([['ann', ['x']]]);
  table.told(ann);
  table.watch(bob, ['x', 'y', 'y']);
  expect([told(table.answers()), told(table.tellings())]).toEqual([[], []]);
  expect(table.take(0, 10)).toEqual(['y']);
  table.see('y', view('y', 'away'), 100);
  expect(told(table.answers())).toEqual([['bob', ['x', 'y']]]);
});

test('a change is one entry however often it changes, and none when it looks the same', () => {
  const table = new WatchTable<Client>();
  const ann = client('ann');
  table.watch(ann, ['x', 'y']);
  for (const user of table.take(0, 10)) table.see(user, view(user, 'active'), 100);
  table.told(ann);
  table.see('x', view('x', 'active'), 100);
  expect(told(table.tellings())).toEqual([]);
  table.see('x', view('x', 'away'), 100);
  table.see('x', view('x', 'offline'), 100);
  const [[, views] = [ann, []]] = table.tellings();
  expect(views.map(({ text }) => JSON.parse(text))).toEqual([{ user: 'x', state: 'offline' }]);
});

test('who is blocked is told nothing when the one who blocked them comes and goes', () => {
  const table = new WatchTable<Client>();
  const [ann, bob] = [client('ann'), client('bob')];
  for (const socket of [ann, bob]) table.watch(socket, ['x']);
  table.see('x', view('x', 'active', ['bob']), 0);
  for (const socket of [ann, bob]) table.told(socket);
  table.see('x', view('x', 'away', ['bob']), 0);
  expect(told(table.tellings())).toEqual([['ann', ['x']]]);
});

test('each user is looked at once for all, again when due, and not while somebody looks', () => {
  const table = new WatchTable<Client>();
  for (const userId of ['ann', 'bob', 'cid']) table.watch(client(userId), ['x', 'y', 'z']);
  expect(table.take(5, 2)).toEqual(['x', 'y']);
  expect(table.take(5, 2)).toEqual(['z']);
  expect(table.take(1e9, 9)).toEqual([]);
  table.see('x', view('x', 'active'), 50);
  expect(table.take(49, 9)).toEqual([]);
  expect(table.take(50, 9)).toEqual(['x']);
});

test('who changes while somebody looks is looked at again', () => {
  const table = new WatchTable<Client>();
  table.watch(client('ann'), ['x']);
  expect(table.take(0, 9)).toEqual(['x']);
  table.checkBy('x', 10);
  table.see('x', view('x', 'active'), 1_000);
  expect(table.take(10, 9)).toEqual(['x']);
  table.see('x', view('x', 'active'), 1_000);
  expect(table.take(999, 9)).toEqual([]);
});

test('nobody looks at users whom nobody watches any more', () => {
  const table = new WatchTable<Client>();
  const [ann, bob] = [client('ann'), client('bob')];
  for (const socket of [ann, bob]) table.watch(socket, ['x', 'y']);
  table.watch(ann, ['y']);
  table.forget(bob);
  table.forget(bob);
  expect([...table.watched()]).toEqual(['y']);
  table.watch(ann, []);
  expect([...table.watched()]).toEqual([]);
  table.see('y', view('y', 'active'), 0);
  expect([told(table.answers()), told(table.tellings())]).toEqual([[], []]);
});

test('who watches the same again is answered with what is known, and nobody is looked at', () => {
  const table = new WatchTable<Client>();
  const ann = client('ann');
  table.watch(ann, ['x', 'y']);
  for (const user of table.take(0, 10)) table.see(user, view(user, 'active'), 100);
  table.told(ann);
  table.watch(ann, ['y', 'x', 'z']);
  expect(table.take(0, 10)).toEqual(['z']);
  table.see('z', view('z', 'away'), 100);
  expect(told(table.answers())).toEqual([['ann', ['y', 'x', 'z']]]);
  table.watch(ann, ['z']);
  expect([...table.watched()]).toEqual(['z']);
  expect(told(table.answers())).toEqual([['ann', ['z']]]);
});

test('who asks just after somebody came is told what is seen then, not what was seen before', () => {
  const table = new WatchTable<Client>();
  const [ann, bob] = [client('ann'), client('bob')];
  table.watch(ann, ['x']);
  for (const user of table.take(0, 10)) table.see(user, view(user, 'offline'), 100);
  table.told(ann);
  table.outdate('x', 5);
  table.watch(bob, ['x']);
  expect(told(table.answers())).toEqual([]);
  expect(table.take(5, 10)).toEqual(['x']);
  table.see('x', view('x', 'active'), 100);
  expect(told(table.answers())).toEqual([['bob', ['x']]]);
  expect(told(table.tellings())).toEqual([
    ['bob', ['x']],
    ['ann', ['x']],
  ]);
});

test('whatever comes in whatever order, after quiet every watcher knows the latest of each user it watches', () => {
  const names = ['u0', 'u1', 'u2', 'u3'];
  const at = fc.nat(3);
  const step = fc.oneof(
    fc.record({ do: fc.constant('watch' as const), at, users: fc.subarray(names) }),
    fc.record({ do: fc.constant('forget' as const), at }),
    fc.record({
      do: fc.constant('see' as const),
      user: fc.constantFrom(...names),
      state: fc.constantFrom('active', 'away', 'offline'),
      blocked: fc.subarray(names),
    }),
    fc.record({ do: fc.constant('tell' as const), takes: fc.nat(4) }),
    fc.record({ do: fc.constant('answer' as const), takes: fc.nat(4) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const table = new WatchTable<Client>();
      const clients = names.map(client);
      const watching = new Map<Client, readonly string[]>();
      const seen = new Map<string, PresenceView>();
      /** Every so many-th socket's queue is full; 0 = none. */
      const give = (owed: Iterable<[Client, Shown[]]>, fullEvery: number): void => {
        let count = 0;
        for (const [to, views] of owed) {
          const named = users(views);
          expect(new Set(named).size).toBe(named.length);
          expect(watching.get(to)).toEqual(expect.arrayContaining(named));
          // The answer comes first, and is whole.
          if (to.known.size === 0) expect(named.toSorted()).toEqual(watching.get(to)?.toSorted());
          count += 1;
          if (fullEvery > 0 && count % fullEvery === 0) {
            table.postpone(to);
            continue;
          }
          for (const [index, user] of named.entries()) to.known.set(user, views[index]?.text ?? '');
          table.told(to);
        }
      };
      const see = (user: string, next: PresenceView): void => {
        if ([...watching.values()].some((watched) => watched.includes(user))) seen.set(user, next);
        table.see(user, next, 0);
      };
      for (const next of steps) {
        if (next.do === 'see') see(next.user, view(next.user, next.state, next.blocked));
        else if (next.do === 'tell') give(table.tellings(), next.takes);
        else if (next.do === 'answer') give(table.answers(), next.takes);
        else {
          const socket = clients[next.at];
          if (!socket) throw new Error('there are four clients');
          socket.known.clear();
          if (next.do === 'forget') {
            watching.delete(socket);
            table.forget(socket);
          } else {
            watching.set(socket, next.users);
            table.watch(socket, next.users);
          }
        }
      }
      for (const user of table.watched()) if (!table.view(user)) see(user, view(user, 'offline'));
      give(table.answers(), 0);
      give(table.tellings(), 0);
      expect(told(table.tellings())).toEqual([]);
      for (const [socket, watched] of watching) {
        const latest = watched.map((user) => {
          const now = seen.get(user);
          return [user, now && shownTo(now, socket.userId).text];
        });
        expect(Object.fromEntries(socket.known)).toEqual(Object.fromEntries(latest));
      }
    }),
  );
});
