import type { CommandAccepted } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  advanceOutbox,
  type CommandFault,
  dueAt,
  EMPTY_OUTBOX,
  entriesOf,
  type OutboxEffect,
  type OutboxEntry,
  type OutboxInput,
  type OutboxState,
} from './outbox-state.ts';

const AWAY: CommandFault = { code: 'unavailable', status: 503, detail: '', errors: [] };
const LOST: CommandFault = { code: 'network', status: 0, detail: '', errors: [] };
const REFUSED: CommandFault = { code: 'forbidden', status: 403, detail: '', errors: [] };

const accepted = (key: string): CommandAccepted => ({ commandId: key }) as CommandAccepted;

/** The queue with a clock and a disk that the test moves. */
class Desk {
  state: OutboxState = EMPTY_OUTBOX;
  now = 0;
  disk: OutboxEntry[];
  readonly onTheWay: OutboxEntry[] = [];
  readonly settled: Extract<OutboxEffect, { do: 'settle' }>[] = [];
  #saving: OutboxEntry[] | null = null;
  #mustSave = false;

  constructor(disk: OutboxEntry[] = []) {
    this.disk = disk;
    this.take({ kind: 'loaded', entries: JSON.parse(JSON.stringify(disk)) });
  }

  take(input: OutboxInput extends infer I ? (I extends OutboxInput ? Omit<I, 'now'> : never) : never): void {
    const { state, effects } = advanceOutbox(this.state, { ...input, now: this.now } as OutboxInput);
    this.state = state;
    for (const effect of effects) {
      if (effect.do === 'post') this.onTheWay.push(effect.entry);
      else if (effect.do === 'settle') this.settled.push(effect);
      else this.#mustSave = true;
    }
  }

  send(key: string, conversationId = 'room', body = key): void {
    this.take({ kind: 'send', command: { key, type: 'message.send', data: { conversationId, body } } });
  }

  /** Half of a save: what is on disk changes at its end. */
  save(): void {
    if (this.#saving) {
      this.disk = this.#saving;
      const keys = new Set(this.#saving.map((entry) => entry.key));
      this.#saving = null;
      this.take({ kind: 'stored', keys });
    } else if (this.#mustSave) {
      this.#mustSave = false;
      this.#saving = entriesOf(this.state);
    }
  }

  saveAll(): void {
    while (this.#saving || this.#mustSave) this.save();
  }

  fail(fault: CommandFault, retryAfterMs = 0): OutboxEntry | undefined {
    const entry = this.onTheWay.shift();
    const definite = fault === REFUSED;
    if (entry) this.take({ kind: 'failed', key: entry.key, fault, definite, retryAfterMs, chance: 0.5 });
    return entry;
  }

  accept(): OutboxEntry | undefined {
    const entry = this.onTheWay.shift();
    if (entry) this.take({ kind: 'accepted', key: entry.key, accepted: accepted(entry.key) });
    return entry;
  }

  pass(ms: number): void {
    this.now += ms;
    this.take({ kind: 'tick' });
  }

  get keys(): string[] {
    return this.onTheWay.map((entry) => entry.key);
  }

  get shown(): string[] {
    return entriesOf(this.state).map((entry) => `${entry.key} ${entry.state}`);
  }
}

test('a command is stored before it is sent', () => {
  const desk = new Desk();
  desk.send('a');
  desk.save();
  expect(desk.keys).toEqual([]);
  desk.saveAll();
  expect(desk.keys).toEqual(['a']);
  expect(desk.disk.map((entry) => entry.key)).toEqual(['a']);
});

test('nothing is sent before the store was read, and what is in it goes first', () => {
  const before = new Desk();
  before.send('a');
  before.saveAll();
  const { state } = advanceOutbox(EMPTY_OUTBOX, {
    kind: 'send',
    command: { key: 'b', type: 'message.send', data: { conversationId: 'room', body: 'b' } },
    now: 0,
  });
  const stored = advanceOutbox(state, { kind: 'stored', keys: new Set(['b']), now: 0 });
  expect([stored.effects, dueAt(stored.state)]).toEqual([[], null]);
  const loaded = advanceOutbox(state, { kind: 'loaded', entries: before.disk, now: 0 });
  expect(entriesOf(loaded.state).map((entry) => entry.key)).toEqual(['a', 'b']);
  expect(loaded.effects).toMatchObject([{ do: 'store' }, { do: 'post', entry: { key: 'a' } }]);
});

test('one conversation has one command on the way, others do not wait for it', () => {
  const desk = new Desk();
  desk.send('a1', 'a');
  desk.send('a2', 'a');
  desk.send('b1', 'b');
  desk.take({ kind: 'send', command: { key: 'p1', type: 'user.block', data: { userId: 'x' } } });
  desk.take({ kind: 'send', command: { key: 'p2', type: 'user.block', data: { userId: 'y' } } });
  desk.saveAll();
  expect(desk.keys).toEqual(['a1', 'b1', 'p1']);
  desk.accept();
  expect(desk.keys).toEqual(['b1', 'p1', 'a2']);
  expect(desk.settled).toEqual([{ do: 'settle', key: 'a1', outcome: { accepted: accepted('a1') } }]);
});

test('at most six commands are on the way at once', () => {
  const desk = new Desk();
  for (let n = 0; n < 9; n++) desk.send(`k${n}`, `room${n}`);
  desk.saveAll();
  expect(desk.keys).toHaveLength(6);
  expect(dueAt(desk.state)).toBeNull();
  desk.accept();
  expect(desk.keys).toHaveLength(6);
});

test('without a definite answer it is tried again under its key, later and later, never before Retry-After', () => {
  const desk = new Desk();
  desk.send('a');
  desk.saveAll();
  const waits = [LOST, AWAY, LOST, LOST, LOST, LOST, LOST, LOST].map((fault) => {
    desk.fail(fault, fault === AWAY ? 9_000 : 0);
    expect(desk.shown).toEqual(['a queued']);
    const wait = (dueAt(desk.state) ?? 0) - desk.now;
    desk.pass(wait - 1);
    expect(desk.keys).toEqual([]);
    desk.pass(1);
    expect(desk.keys).toEqual(['a']);
    return wait;
  });
  expect(waits).toEqual([250, 9_500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
});

test('once the network is there again what it held up is tried at once, what a server put off is not', () => {
  const desk = new Desk();
  desk.send('a', 'a');
  desk.send('b', 'b');
  desk.saveAll();
  desk.fail(LOST);
  desk.fail(AWAY, 60_000);
  desk.take({ kind: 'online' });
  expect(desk.keys).toEqual(['a']);
});

test('a refused command lets the next one go, stays to be seen, and is tried again when asked', () => {
  const desk = new Desk();
  desk.send('a');
  desk.send('b');
  desk.saveAll();
  desk.fail(REFUSED);
  expect(desk.settled).toEqual([{ do: 'settle', key: 'a', outcome: { fault: REFUSED } }]);
  expect(desk.shown).toEqual(['a refused', 'b sending']);
  desk.pass(1_000_000);
  expect(desk.keys).toEqual(['b']);
  desk.saveAll();
  const again = new Desk(desk.disk);
  expect(again.shown).toEqual(['a refused', 'b sending']);
  again.accept();
  again.take({ kind: 'retry', key: 'a' });
  expect(again.keys).toEqual(['a']);
  again.accept();
  expect(again.shown).toEqual([]);
});

test('what is on its way cannot be taken back, what waits or is refused can', () => {
  const desk = new Desk();
  desk.send('a');
  desk.send('b');
  desk.saveAll();
  desk.take({ kind: 'discard', key: 'a' });
  desk.take({ kind: 'discard', key: 'b' });
  expect(desk.shown).toEqual(['a sending']);
  expect(desk.settled).toEqual([{ do: 'settle', key: 'b', outcome: 'discarded' }]);
  desk.fail(REFUSED);
  desk.take({ kind: 'discard', key: 'a' });
  desk.saveAll();
  expect([desk.shown, desk.disk]).toEqual([[], []]);
});

describe('the event of a command', () => {
  test('settles it before the answer: the next one goes, the answer is still fetched', () => {
    const desk = new Desk();
    desk.send('a');
    desk.send('b');
    desk.saveAll();
    desk.take({ kind: 'seen', key: 'a' });
    desk.saveAll();
    expect(desk.shown).toEqual(['b sending']);
    expect(desk.disk.map((entry) => entry.key)).toEqual(['b']);
    desk.fail(LOST);
    desk.pass(60_000);
    expect(desk.keys).toEqual(['b', 'a']);
    desk.accept();
    desk.accept();
    expect(desk.settled.map((settle) => settle.key)).toEqual(['b', 'a']);
    expect(desk.state.slots).toEqual([]);
  });

  test('after a restart it is all that is needed', () => {
    const before = new Desk();
    before.send('a');
    before.saveAll();
    const desk = new Desk(before.disk);
    desk.take({ kind: 'seen', key: 'a' });
    expect(desk.state.slots).toEqual([]);
    desk.accept();
    expect(desk.settled).toEqual([]);
  });
});

describe('whatever happens', () => {
  const op = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('send' as const), room: fc.constantFrom('a', 'b', 'c') }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('save' as const) }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('answer' as const) }) },
    fc.record({
      do: fc.constantFrom('answer-lost', 'request-lost', 'away', 'refuse', 'crash', 'event', 'online'),
    }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 300, 40_000) }),
  );

  test('every command is in the log once and in its order, or is refused and shown', () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 80 }), (steps) => {
        const world = new World();
        for (const step of steps)
          world.perform(step.do, 'room' in step ? step.room : '', 'ms' in step ? step.ms : 0);
        world.finish();
        for (const room of ['a', 'b', 'c']) {
          const inLog = world.log.filter((entry) => entry.startsWith(room));
          expect(inLog).toEqual(world.kept.filter((key) => key.startsWith(room) && !world.refused.has(key)));
        }
        expect(entriesOf(world.desk.state).map((entry) => entry.key)).toEqual(
          world.kept.filter((key) => world.refused.has(key)),
        );
      }),
      { numRuns: 1_000 },
    );
  });
});

/** A command API that answers a key once and for all, a network that loses either half, and crashes. */
class World {
  desk = new Desk();
  readonly log: string[] = [];
  readonly refused = new Set<string>();
  /** What was on disk at a crash, and all that was sent since. */
  kept: string[] = [];
  #count = 0;

  perform(what: string, room: string, ms: number): void {
    this.#check();
    const { desk } = this;
    const [next] = desk.onTheWay;
    const steps: Record<string, () => void> = {
      send: () => this.#send(room),
      save: () => desk.save(),
      answer: () => this.#answer(),
      'answer-lost': () => {
        if (next) this.#serve(next.key);
        desk.fail(LOST);
      },
      'request-lost': () => desk.fail(LOST),
      away: () => desk.fail(AWAY, 1_000),
      refuse: () => this.#refuse(),
      crash: () => this.#crash(),
      event: () => {
        const key = this.log.at(-1);
        if (key !== undefined) desk.take({ kind: 'seen', key });
      },
      online: () => desk.take({ kind: 'online' }),
      pass: () => desk.pass(ms),
    };
    steps[what]?.();
  }

  #send(room: string): void {
    const key = `${room}${String(this.#count++).padStart(3, '0')}`;
    this.kept.push(key);
    this.desk.send(key, room);
  }

  /** The server does not refuse what it has accepted. */
  #refuse(): void {
    const [next] = this.desk.onTheWay;
    if (!next || this.log.includes(next.key)) return;
    this.refused.add(next.key);
    this.desk.fail(REFUSED);
  }

  #crash(): void {
    const { disk } = this.desk;
    this.desk = new Desk(disk);
    const left = new Set(disk.map((entry) => entry.key));
    this.kept = this.kept.filter((key) => left.has(key) || this.log.includes(key));
    // Refused, but the disk did not get to know it: it is asked again.
    for (const entry of disk) if (entry.state !== 'refused') this.refused.delete(entry.key);
  }

  #answer(): void {
    const [next] = this.desk.onTheWay;
    if (next) this.#serve(next.key);
    this.desk.accept();
  }

  #serve(key: string): void {
    if (!this.log.includes(key)) this.log.push(key);
  }

  #check(): void {
    const { onTheWay, disk } = this.desk;
    const rooms = onTheWay.filter(({ key }) => !this.log.includes(key)).map(({ key }) => key[0]);
    expect(new Set(rooms).size).toBe(rooms.length);
    const stored = new Set(disk.map((entry) => entry.key));
    for (const key of onTheWay.map((entry) => entry.key)) {
      expect(stored.has(key) || this.log.includes(key)).toBe(true);
    }
  }

  finish(): void {
    for (let n = 0; n < 1_000; n++) {
      this.desk.saveAll();
      this.#answer();
      this.desk.pass(60_000);
      if (this.desk.onTheWay.length === 0 && dueAt(this.desk.state) === null) return;
    }
    throw new Error('the queue does not come to rest');
  }
}
