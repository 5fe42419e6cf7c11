import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type NatsServer,
  type RunningNatsCluster,
  startNats,
  startNatsCluster,
} from '@parley/deploy/testing';
import { type OpenLog, openEventLog } from '@parley/runtime';
import { afterAll, beforeAll } from 'vitest';
import { cursorsConformance } from './advance-cursor.conformance.ts';
import { writerConformance } from './aggregate-writer.conformance.ts';
import { schedulesConformance } from './deliver-scheduled.conformance.ts';
import { routesConformance } from './execute-command.conformance.ts';
import { logger } from './testing/writer-rig.ts';

const dir = mkdtempSync(join(tmpdir(), 'parley-writers-'));
const opened: OpenLog[] = [];
let single: NatsServer;
let cluster: RunningNatsCluster;

async function open(natsUrl: string, replicas: 1 | 3): Promise<OpenLog> {
  const log = await openEventLog({ natsUrl, replicas, name: 'test', logger });
  opened.push(log);
  return log;
}

beforeAll(async () => {
  [single, cluster] = await Promise.all([
    startNats({ dir: join(dir, 'one') }),
    startNatsCluster({ dir: join(dir, 'three') }),
  ]);
}, 120_000);

afterAll(async () => {
  await Promise.all(opened.map((log) => log.close().catch(() => undefined)));
  await Promise.all([single?.stop(), cluster?.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

const openSingle = async (): Promise<[OpenLog, OpenLog]> => [
  await open(single.url, 1),
  await open(single.url, 1),
];
const openCluster = async (): Promise<[OpenLog, OpenLog]> => [
  await open(cluster.urls[0] ?? '', 3),
  await open(cluster.urls[1] ?? '', 3),
];

for (const conformance of [writerConformance, routesConformance, schedulesConformance, cursorsConformance]) {
  conformance('one server', openSingle);
  conformance('three servers', openCluster);
}
