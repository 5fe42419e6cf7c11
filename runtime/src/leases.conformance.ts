import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LeaseStore, LeasesUnavailable } from './leases.ts';

export interface LeaseWorld {
  /** Two processes on the same store. */
  stores: [LeaseStore, LeaseStore];
  stop(): Promise<void>;
  /** The store goes away at once, and comes back. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** What every LeaseStore must do, whatever holds the leases. Each test takes groups of its own. */
export function leasesConformance(name: string, open: () => Promise<LeaseWorld>): void {
  describe(`leases on ${name}`, () => {
    let world: LeaseWorld;
    let store: LeaseStore;
    let other: LeaseStore;
    let names = 0;
    const newGroup = (): string => `group ${++names} of ${name}.*>é`;
    const LONG = 45_000;
    const SHORT = 2_000;
    const until = <T>(ask: () => Promise<T>) => expect.poll(ask, { timeout: 20_000, interval: 50 });
    /** Ids and values held in a group, as a process that shares nothing but the store sees them. */
    const held = async (group: string, by = other): Promise<Record<string, string>> =>
      Object.fromEntries(((await by.read([group])).get(group) ?? []).map(({ id, value }) => [id, value]));

    beforeAll(async () => {
      world = await open();
      [store, other] = world.stores;
    });
    afterAll(() => world.stop());

    test('what one process writes another reads, with the time that is left', async () => {
      const group = newGroup();
      await store.put([{ group, id: 'a b.*', value: 'with spaces, ünïcode\nand lines', ttlMs: LONG }]);
      await until(async () => (await other.read([group])).size).toBe(1);
      const [lease] = (await other.read([group])).get(group) ?? [];
      expect(lease).toMatchObject({ id: 'a b.*', value: 'with spaces, ünïcode\nand lines' });
      expect(lease?.leftMs).toBeGreaterThan(0);
      expect(lease?.leftMs).toBeLessThanOrEqual(LONG + 5_000);
    });

    test('groups without leases have no entry, and nothing asked is nothing found', async () => {
      const [full, empty] = [newGroup(), newGroup()];
      await store.put([{ group: full, id: 'a', value: 'v', ttlMs: LONG }]);
      await until(async () => [...(await store.read([empty, full, full])).keys()]).toEqual([full]);
      expect((await store.read([])).size).toBe(0);
      await store.put([]);
    });

    test('a lease that is written again has the new value, once', async () => {
      const group = newGroup();
      await store.put([{ group, id: 'a', value: 'old', ttlMs: LONG }]);
      await other.put([{ group, id: 'a', value: 'new', ttlMs: LONG }]);
      await until(() => held(group, store)).toEqual({ a: 'new' });
      expect((await store.read([group])).get(group)).toHaveLength(1);
    });

    test('two processes keep leases of one group side by side', async () => {
      const group = newGroup();
      await Promise.all([
        store.put([{ group, id: 'a', value: '1', ttlMs: LONG }]),
        other.put([{ group, id: 'b', value: '2', ttlMs: LONG }]),
      ]);
      await until(() => held(group)).toEqual({ a: '1', b: '2' });
    });

    test('a lease that nobody renews ends without anybody looking, its neighbours stay', async () => {
      const [first, second, mixed] = [newGroup(), newGroup(), newGroup()];
      await store.put([
        { group: first, id: 'a', value: 'v', ttlMs: SHORT },
        { group: mixed, id: 'short', value: 'v', ttlMs: SHORT },
        { group: mixed, id: 'long', value: 'v', ttlMs: LONG },
        { group: second, id: 'a', value: 'v', ttlMs: SHORT },
      ]);
      await until(() => held(mixed)).toEqual({ short: 'v', long: 'v' });
      await until(() => held(mixed)).toEqual({ long: 'v' });
      await until(() => other.read([first, second])).toEqual(new Map());
    });

    test('a lease that is renewed outlives one that is not', async () => {
      const [renewed, left] = [newGroup(), newGroup()];
      const ttlMs = SHORT;
      const renew = () => store.put([{ group: renewed, id: 'a', value: 'v', ttlMs }]);
      await Promise.all([renew(), store.put([{ group: left, id: 'a', value: 'v', ttlMs }])]);
      await until(async () => {
        await renew();
        return held(left);
      }).toEqual({});
      await until(() => held(renewed)).toEqual({ a: 'v' });
    });

    test('released with a grace, it stays that long, and whoever comes back in time keeps it', async () => {
      const [gone, back] = [newGroup(), newGroup()];
      const leases = [gone, back].map((group) => ({ group, id: 'a', value: 'v' }));
      await store.put(leases.map((lease) => ({ ...lease, ttlMs: LONG })));
      await store.put(leases.map((lease) => ({ ...lease, ttlMs: SHORT })));
      await until(() => held(gone)).toEqual({ a: 'v' });
      await other.put([{ group: back, id: 'b', value: 'v', ttlMs: LONG }]);
      await until(() => held(gone)).toEqual({});
      await until(() => held(back)).toEqual({ b: 'v' });
    });

    test('hundreds are written and read in one call each', async () => {
      const groups = Array.from({ length: 700 }, newGroup);
      const ids = ['x', 'y', 'z'];
      await store.put(
        groups.flatMap((group) => ids.map((id) => ({ group, id, value: `${group} ${id}`, ttlMs: LONG }))),
      );
      await until(async () => (await other.read(groups)).size).toBe(700);
      const found = await other.read(groups);
      for (const group of groups) {
        const values = (found.get(group) ?? []).map(({ value }) => value).sort();
        expect(values).toEqual(ids.map((id) => `${group} ${id}`));
      }
    });

    test('a group of a thousand and more is read whole', async () => {
      const groups = Array.from({ length: 40 }, newGroup);
      const ids = Array.from({ length: 32 }, (_, index) => `id-${index}`);
      await store.put(groups.flatMap((group) => ids.map((id) => ({ group, id, value: 'v', ttlMs: LONG }))));
      await until(async () => [...(await other.read(groups)).values()].flat().length).toBe(40 * 32);
    });

    test('one group of more than a thousand is read whole, and keeps nobody from the others', async () => {
      const [large, small] = [newGroup(), newGroup()];
      const COUNT = 2_100;
      const ids = Array.from({ length: COUNT }, (_, index) => `id-${index}`);
      await store.put([
        ...ids.map((id) => ({ group: large, id, value: id, ttlMs: LONG })),
        { group: small, id: 'a', value: 'v', ttlMs: LONG },
      ]);
      await until(async () => (await other.read([large, small])).get(large)?.length).toBe(COUNT);
      const found = await other.read([small, large]);
      expect(new Set(found.get(large)?.map(({ value }) => value))).toEqual(new Set(ids));
      expect(found.get(small)).toHaveLength(1);
    });

    test('while the store is away both calls are refused; on return leases can be written and read again', async () => {
      const group = newGroup();
      let returns = 0;
      const end = other.onReturn(() => {
        returns += 1;
      });
      await world.kill();
      await expect(store.put([{ group, id: 'a', value: 'v', ttlMs: LONG }])).rejects.toThrow(
        LeasesUnavailable,
      );
      await expect(store.read([group])).rejects.toThrow(LeasesUnavailable);
      await world.restart();
      await until(async () => returns).toBeGreaterThan(0);
      await until(async () => {
        await store.put([{ group, id: 'a', value: 'again', ttlMs: LONG }]).catch(() => undefined);
        return held(group).catch(() => 'away');
      }).toEqual({ a: 'again' });
      end();
    });
  });
}
