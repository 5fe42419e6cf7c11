import { readFileSync } from 'node:fs';
import { createClient, type ParleyClient } from '@parley/client';
import type { LocalServer } from '@parley/deploy/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Backend, startBackend } from '../testing/backend.ts';
import { Listener } from '../testing/listener.ts';

/** The full form: STALLED_AMONG=500. */
const HEALTHY = Number(process.env.STALLED_AMONG ?? 200);
vi.setConfig({ testTimeout: 300_000 });
/** One heavy commit; the kernel holds some ten megabytes for a socket before the gateway's own queue begins to fill. */
const HEAVY = { messages: 20, characters: 10_000 };
const HEAVY_BYTES = HEAVY.messages * HEAVY.characters;
const MOST_HEAVY = 500;
/**
 * How much more memory the gateway may hold with a stalled reader than without: its queue is 1 MiB, the rest is what a
 * garbage collector leaves lying about. Queued without a limit, it would be the hundred megabytes of `MOST_HEAVY`.
 */
const SLACK_BYTES = 64 * 1024 * 1024;

let backend: Backend;
let gateway: LocalServer;
let sender: ParleyClient;

beforeAll(async () => {
  backend = await startBackend();
  await backend.start('projector');
  const [commandApi, started] = await Promise.all([
    backend.start('command-api'),
    // A small ring: what the process holds for everybody must not hide what it holds for one.
    backend.start('realtime-gateway', { GATEWAY_RING_BYTES: String(1024 * 1024) }),
  ]);
  gateway = started;
  const token = await backend.token('sender');
  sender = createClient({ commandApi: commandApi.url, readApi: '', gateway: '', token: () => token });
});
afterAll(() => backend?.stop());

async function room(members: readonly string[]): Promise<string> {
  const { result } = await sender.createConversation({
    type: 'group',
    members: members.map((userId) => ({ userId })),
  });
  return result.conversationId;
}

async function listen(userId: string, since: string | null): Promise<Listener> {
  return Listener.open(gateway, { token: await backend.token(userId), since });
}

const residentBytes = (): number => {
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
};

async function closedAsSlow(): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return Number(/^parley_gateway_closes_total\{.*code="4008".*\} (\d+)/m.exec(text)?.[1] ?? 0);
}

const bodies = (listener: Listener): number[] =>
  listener
    .commits()
    .flatMap(({ events }) =>
      events.flatMap((event) =>
        event.type === 'message.sent' ? [(event.data as { ordinal: number }).ordinal] : [],
      ),
    );

/** Some heavy commits to the heavy room, and as many small messages to the room of all. Gives the most memory held. */
async function send(rooms: { heavy: string; common: string }, count: number): Promise<number> {
  let most = 0;
  for (let n = 0; n < count; n++) {
    const body = 'x'.repeat(HEAVY.characters);
    const heavy = Array.from({ length: HEAVY.messages }, () => ({
      type: 'message.send' as const,
      data: { conversationId: rooms.heavy, body },
    }));
    const [answers] = await Promise.all([sender.commands(heavy), sender.send(rooms.common, `message ${n}`)]);
    expect(answers.every((answer) => answer.status === 200)).toBe(true);
    most = Math.max(most, residentBytes());
  }
  return most;
}

test(`one who stalls among ${HEALTHY} is closed, costs the process nothing, and has lost nothing when back`, async () => {
  const users = Array.from({ length: HEALTHY }, (_, index) => `healthy-${index}`);
  const common = await room([...users, 'stalled', 'witness']);
  const heavy = await room(['stalled', 'witness']);
  const since = sender.ownPosition;
  const healthy = await Promise.all(users.map((userId) => listen(userId, since)));
  const [stalled, witness] = await Promise.all([listen('stalled', since), listen('witness', since)]);
  const everybody = [...healthy, stalled, witness];
  try {
    await Promise.all(everybody.map((listener) => listener.live()));
    // As much as fills the ring and the heap's free space, while everybody reads.
    const before = await send({ heavy, common }, 100);
    await stalled.until(() => bodies(stalled).length === 100 * (HEAVY.messages + 1));

    stalled.socket.pause();
    let most = 0;
    let rounds = 100;
    while ((await closedAsSlow()) === 0 && rounds < MOST_HEAVY) {
      most = Math.max(most, await send({ heavy, common }, 10));
      rounds += 10;
    }
    const untilClosed = ((rounds - 100) * HEAVY_BYTES) / 1_048_576;
    most = Math.max(most, await send({ heavy, common }, 20));
    rounds += 20;
    expect(most).toBeLessThan(before + SLACK_BYTES);
    expect(await closedAsSlow()).toBe(1);
    stalled.socket.resume();
    expect(await stalled.closed()).toBe(4008);

    const last = (frames: Listener): number => bodies(frames).filter((ordinal) => ordinal === rounds).length;
    await Promise.all(healthy.map((listener) => listener.until(() => last(listener) > 0)));
    const dense = Array.from({ length: rounds }, (_, index) => index + 1);
    for (const listener of healthy) expect(bodies(listener)).toEqual(dense);
    const all = rounds * (HEAVY.messages + 1);
    await witness.until(() => bodies(witness).length === all);
    const position = stalled.commits().at(-1)?.seq ?? 0;
    const epoch = since?.split(':')[0];
    const back = await listen('stalled', `${epoch}:${position}`);
    everybody.push(back);
    await back.until(() => bodies(stalled).length + bodies(back).length >= all);
    expect(back.of('reset')).toEqual([]);
    expect([...stalled.sequences(), ...back.sequences()]).toEqual(witness.sequences());

    process.stdout.write(
      `${HEALTHY} healthy, ${rounds} messages each; closed after ${untilClosed.toFixed(0)} MiB; gateway RSS ` +
        `${(before / 1_048_576).toFixed(0)} MiB before, at most ${(most / 1_048_576).toFixed(0)} MiB after; ` +
        `${back.commits().length} commits on resuming\n`,
    );
  } finally {
    for (const listener of everybody) listener.drop();
  }
});
