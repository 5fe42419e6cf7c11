import { type OwnPresence, ownPresenceSchema } from '@parley/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  mergeStates,
  newsInMs,
  OPEN,
  type PresenceLease,
  type Privacy,
  presenceFrame,
  SEEN,
  SEEN_TTL_MS,
  shownTo,
  sightOf,
  unknownView,
  viewOf,
} from './presence-view.ts';

const state = fc.constantFrom(...ownPresenceSchema.options);
const sockets = fc
  .array(fc.record({ value: state, leftMs: fc.integer({ min: 1, max: 45_000 }) }), { maxLength: 6 })
  .map((leases) => leases.map((lease, index): PresenceLease => ({ id: `c${index}`, ...lease })));
const hiding = (blocked: readonly string[]): Privacy => ({
  lastSeenVisible: true,
  blocked: new Set(blocked),
});

const look = (leases: readonly PresenceLease[], privacy = OPEN, watcher = 'bob'): unknown =>
  JSON.parse(shownTo(viewOf('ann', sightOf(leases, NOW), privacy), watcher).text);
const socket = (value: string, id = value, leftMs = 9_000): PresenceLease => ({ id, value, leftMs });
const NOW = 2_000_000_000_000;
const seen = (at: number): PresenceLease => ({ id: SEEN, value: String(at), leftMs: SEEN_TTL_MS });

test.each<[OwnPresence[], string]>([
  [[], 'offline'],
  [['away'], 'away'],
  [['away', 'active'], 'active'],
  [['active', 'dnd', 'away'], 'dnd'],
  [['dnd', 'active', 'invisible'], 'offline'],
])('sockets that say %j look %s', (states, expected) => {
  expect(mergeStates(states)).toBe(expected);
});

test('who is offline was last seen then, who is here is not', () => {
  expect(look([seen(1_000)])).toEqual({ user: 'ann', state: 'offline', lastSeen: 1_000 });
  expect(look([seen(1_000), socket('away')])).toEqual({ user: 'ann', state: 'away' });
  expect(look([])).toEqual({ user: 'ann', state: 'offline' });
});

test('who does not let others see it was last seen never', () => {
  expect(look([seen(1_000)], { ...OPEN, lastSeenVisible: false })).toEqual({ user: 'ann', state: 'offline' });
});

test.each<[number | null, number]>([
  [null, 45_000],
  [20_000, 20_100],
  [60_000, 45_000],
  [1, 250],
  [0, 1_000],
  [-30_000, 1_000],
])(
  'a lease that ends in %s ms is looked at again after %s ms, so a wrong clock costs little',
  (ends, after) => {
    expect(newsInMs({ state: 'active', lastSeen: null, endsInMs: ends }, 45_000)).toBe(after);
  },
);

test('nobody was seen later than the store took it, whatever the clock of the one who wrote it', () => {
  const mark = { ...seen(NOW + 3_600_000), leftMs: SEEN_TTL_MS - 10_000 };
  expect(look([mark])).toEqual({ user: 'ann', state: 'offline', lastSeen: NOW - 10_000 });
});

test('a state of another version and a broken time show nothing', () => {
  expect(look([socket('on-the-phone'), socket('active')])).toEqual({ user: 'ann', state: 'offline' });
  expect(look([{ ...seen(0), value: 'yesterday' }])).toEqual({ user: 'ann', state: 'offline' });
});

test('what ends first is looked at first', () => {
  expect(sightOf([socket('active', 'a', 900), socket('away', 'b', 300), seen(5)], NOW).endsInMs).toBe(300);
  expect(sightOf([seen(5)], NOW).endsInMs).toBeNull();
});

test('the order of sockets means nothing', () => {
  fc.assert(
    fc.property(sockets, (leases) => {
      expect(look(leases.toReversed())).toEqual(look(leases));
    }),
  );
});

test('with one invisible socket, whatever the others do looks like nobody there', () => {
  fc.assert(
    fc.property(sockets, fc.boolean(), (leases, wasSeen) => {
      const past = wasSeen ? [seen(7)] : [];
      expect(look([...past, socket('invisible', 'x'), ...leases])).toEqual(look(past));
    }),
  );
});

test('to whom is blocked, every user looks the same at all times; to others blocking shows nothing', () => {
  fc.assert(
    fc.property(sockets, fc.boolean(), (leases, wasSeen) => {
      const all = wasSeen ? [seen(7), ...leases] : leases;
      expect(look(all, hiding(['bob']))).toEqual({ user: 'ann', state: 'offline' });
      expect(look(all, hiding(['bob']), 'cid')).toEqual(look(all));
    }),
  );
});

test('who cannot be looked at is unknown to everybody', () => {
  for (const watcher of ['bob', 'cid']) {
    const view = unknownView('ann', hiding(['bob']));
    expect(JSON.parse(shownTo(view, watcher).text)).toEqual({ user: 'ann', state: 'unknown' });
  }
});

test('one user is a frame of its own, several are a list', () => {
  const parse = (frame: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(frame));
  const ann = shownTo(viewOf('ann "é"', sightOf([socket('dnd')], NOW), OPEN), 'bob');
  const eve = shownTo(viewOf('eve', sightOf([seen(5)], NOW), OPEN), 'bob');
  expect(parse(presenceFrame([ann]))).toEqual({
    t: 'presence',
    user: 'ann "é"',
    state: 'dnd',
  });
  expect(parse(presenceFrame([ann, eve]))).toEqual({
    t: 'presences',
    items: [
      { user: 'ann "é"', state: 'dnd' },
      { user: 'eve', state: 'offline', lastSeen: 5 },
    ],
  });
});
