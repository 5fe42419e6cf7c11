import type { LocalServer, NatsServer } from '@parley/deploy/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { askJetStream } from '../testing/ask-jetstream.ts';
import { type Backend, startBackend } from '../testing/backend.ts';
import { CuttableNetwork } from '../testing/cuttable-network.ts';
import { type DropReport, summary } from '../testing/drop-report.ts';
import { type DropPlan, runDrop } from '../testing/drop-run.ts';

/** The full form: DROP_CLIENTS=500 DROP_SECONDS=120 DROP_RATE=50. */
const SECONDS = Number(process.env.DROP_SECONDS ?? 12);
const plan: DropPlan = {
  clients: Number(process.env.DROP_CLIENTS ?? 100),
  visitors: Number(process.env.DROP_VISITORS ?? 20),
  seconds: SECONDS,
  rate: Number(process.env.DROP_RATE ?? 50),
  // In a short run clients would still wait for their next attempt when it ends.
  ...(SECONDS < 60 ? { everyMs: 4_000, downMs: 1_000 } : { everyMs: 10_000, downMs: 2_000 }),
};
vi.setConfig({ testTimeout: SECONDS * 1_000 + 300_000 });

let backend: Backend;
let gateways: LocalServer[];
let network: CuttableNetwork;
let run: (plan: DropPlan) => Promise<DropReport>;

beforeAll(async () => {
  backend = await startBackend({ replicas: 3 });
  await backend.start('projector');
  const [commandApi, readApi, ...both] = await Promise.all([
    backend.start('command-api'),
    backend.start('read-api'),
    backend.start('realtime-gateway'),
    backend.start('realtime-gateway'),
  ]);
  gateways = both;
  network = await CuttableNetwork.to(gateways.map((gateway) => gateway.port));
  run = (each) => runDrop({ backend, replicas: 3, commandApi, readApi, network }, each);
});
afterAll(async () => {
  await network?.stop();
  await backend?.stop();
});

function expectNothingAmiss(report: DropReport): void {
  process.stdout.write(summary(report));
  expect(report).toMatchObject({
    badlyStored: 0,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    foreign: 0,
    undetected: [],
    resets: [],
  });
  expect(report.accepted).toBeGreaterThanOrEqual(plan.rate * plan.seconds);
  expect(report.deliveries).toBeGreaterThanOrEqual(report.accepted);
  expect(report.cutConnections).toBeGreaterThanOrEqual(plan.clients);
  expect(report.moved).toBeGreaterThan(0);
}

test('nothing is lost, doubled or out of order while the network breaks again and again', async () => {
  expectNothingAmiss(await run(plan));
});

/** The log's leader; while there is none, or still the old one, it is waited for. */
async function leader(old?: NatsServer): Promise<NatsServer> {
  return vi.waitFor(
    async () => {
      type Info = { cluster: { leader?: string } };
      const asked = backend.nats.map(({ url }) => askJetStream<Info>(url, 'STREAM.INFO.EVT'));
      const { cluster } = await Promise.any(asked);
      const server = backend.nats.find(({ name }) => name === cluster.leader);
      if (!server || server === old) throw new Error('the log has no new leader');
      return server;
    },
    { timeout: 60_000, interval: 100 },
  );
}

test('nor while gateways are killed and deployed, the log changes its leader, loses it, and restarts as a whole', async () => {
  const leaders = [(await leader()).name];
  const faults = [
    async () => {
      await gateways[0]?.kill();
      await gateways[0]?.restart();
    },
    () => askJetStream(backend.natsUrl, 'STREAM.LEADER.STEPDOWN.EVT'),
    // Sends its clients away first, as before a deploy.
    async () => gateways[1]?.restart(),
    async () => {
      const killed = await leader();
      leaders.push(killed.name);
      await killed.kill();
      leaders.push((await leader(killed)).name);
      await killed.restart();
    },
    () => Promise.all(backend.nats.map((server) => server.restart())),
  ];
  expectNothingAmiss(await run({ ...plan, faults }));
  expect(leaders).toHaveLength(3);
  expect(leaders[1]).not.toBe(leaders[0]);
});
