import { join } from 'node:path';
import { type NatsServer, startNats } from './nats.ts';
import { poll } from './poll.ts';
import { freePort } from './ports.ts';
import type { Report } from './report.ts';

export interface NatsClusterOptions {
  dir: string;
  /** 3 unless told. */
  size?: number;
  syncAlways?: boolean;
  configExtra?: string;
  report?: Report;
}

export interface RunningNatsCluster {
  readonly servers: readonly NatsServer[];
  readonly urls: readonly string[];
  /** All addresses, comma separated. */
  readonly url: string;
  /** Waits until the meta group has a leader and every running server is a current member. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

export async function startNatsCluster(options: NatsClusterOptions): Promise<RunningNatsCluster> {
  const size = options.size ?? 3;
  const ports = await distinctPorts(size);
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
  const starts = ports.map((port, index) =>
    startMember(options, { name: 'parley', port, routes }, index + 1),
  );
  const servers = await allOrNone(starts);
  const cluster = describe(servers);
  await cluster.ready().catch(async (error: unknown) => {
    await cluster.stop();
    throw error;
  });
  return cluster;
}

function startMember(
  options: NatsClusterOptions,
  cluster: { name: string; port: number; routes: string[] },
  number: number,
): Promise<NatsServer> {
  const { dir, size: _size, ...rest } = options;
  return startNats({ ...rest, dir: join(dir, `n${number}`), cluster });
}

function describe(servers: readonly NatsServer[]): RunningNatsCluster {
  const urls = servers.map((server) => server.url);
  return {
    servers,
    urls,
    url: urls.join(','),
    ready: () => metaGroupReady(servers),
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

async function metaGroupReady(servers: readonly NatsServer[]): Promise<void> {
  const what = 'the JetStream meta group to have a leader that sees every running server';
  await poll(
    async () => {
      const states = await Promise.all(servers.map(metaState));
      const running = states.filter((state) => state !== undefined);
      const leader = running.find((state) => state.isLeader);
      return leader && leader.followers === running.length - 1 ? true : undefined;
    },
    { what, timeoutMs: 30_000, everyMs: 25 },
  );
}

interface MetaState {
  isLeader: boolean;
  /** Those that are online and have the whole meta log. Only the leader lists them. */
  followers: number;
}

interface MonitoringAnswer {
  meta_cluster?: { leader?: string; replicas?: { current?: boolean; offline?: boolean }[] };
}

async function metaState(server: NatsServer): Promise<MetaState | undefined> {
  try {
    const answer = await fetch(`${server.monitorUrl}/jsz`, { signal: AbortSignal.timeout(2_000) });
    const meta = ((await answer.json()) as MonitoringAnswer).meta_cluster;
    const followers = meta?.replicas?.filter((replica) => replica.current && !replica.offline) ?? [];
    return { isLeader: meta?.leader === server.name, followers: followers.length };
  } catch {
    return undefined;
  }
}

async function distinctPorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

async function allOrNone(starts: Promise<NatsServer>[]): Promise<NatsServer[]> {
  const results = await Promise.allSettled(starts);
  const servers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (!failed) return servers;
  await Promise.all(servers.map((server) => server.stop()));
  throw failed.reason;
}
