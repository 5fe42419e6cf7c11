import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { takeLock } from './launcher-lock.ts';
import { logTail } from './log-tail.ts';
import { stopOrphans } from './orphans.ts';
import { existingData } from './postgres-place.ts';
import { silent } from './report.ts';
import type { LocalServer } from './server-process.ts';
import { SetupError } from './setup-error.ts';
import { readStack, removeStackFile, type StackAddresses, writeStackFile } from './stack-file.ts';
import { emptyFolder, prepareFolder, rotateLogs } from './stack-folder.ts';
import { AlreadyRunningError, type Stack, type StackOptions } from './stack-options.ts';
import {
  notifierEnvironment,
  processPaths,
  type Servers,
  type StackSettings,
  serviceEnvironment,
  serviceScript,
  startIssuerProcess,
  startNamedService,
  startServers,
} from './stack-parts.ts';
import { type Supervisor, supervise } from './supervisor.ts';

interface Running {
  servers: Map<string, LocalServer>;
  supervisors: Supervisor[];
  release(): void;
}

/** Starts everything or, when something fails, nothing. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const settings = settle(options);
  requireBuild(settings.root);
  prepareFolder(settings.dir);
  const lock = await takeLock(settings.dir);
  if (!lock.held) throw new AlreadyRunningError(lock.holder, await readStack(settings.dir));
  const running: Running = { servers: new Map(), supervisors: [], release: lock.release };
  try {
    await clean(settings, options.reset ?? false);
    const addresses = await startAll(settings, running);
    settings.abort?.throwIfAborted();
    return superviseAll(settings, addresses, running, options);
  } catch (error) {
    await stopAll(settings, running);
    throw error;
  }
}

function settle({ root, dir, limits, env, report, signal }: StackOptions): StackSettings {
  const base = resolve(root);
  return {
    root: base,
    dir: resolve(dir ?? join(base, '.parley')),
    limits: limits ?? 'on',
    env: env ?? {},
    report: report ?? silent,
    abort: signal,
  };
}

function requireBuild(root: string): void {
  for (const name of ['projector', 'command-api', 'read-api', 'realtime-gateway', 'notifier'] as const) {
    const script = serviceScript(root, name);
    if (!existsSync(script)) throw new SetupError(`${script} is missing. Build first: npm run build`);
  }
}

async function clean(settings: StackSettings, reset: boolean): Promise<void> {
  const { dir, report } = settings;
  const paths = processPaths(settings, existingData(join(dir, 'postgres')));
  await stopOrphans(join(dir, 'pids'), paths, report);
  removeStackFile(dir);
  if (reset) emptyFolder(dir);
  rotateLogs(join(dir, 'logs'));
}

/** Servers, then the projector, because it makes the tables that the others read, then the rest. */
async function startAll(settings: StackSettings, running: Running): Promise<StackAddresses> {
  const started = (name: string, server: LocalServer) => void running.servers.set(name, server);
  const [servers, issuer] = await both(
    startServers(settings, started),
    startIssuerProcess(settings, started),
  );
  settings.abort?.throwIfAborted();
  const env = serviceEnvironment(settings, servers, issuer);
  await startNamedService(settings, 'projector', env, started);
  settings.abort?.throwIfAborted();
  const names = ['command-api', 'read-api', 'realtime-gateway'] as const;
  const results = await Promise.allSettled(
    names.map((name) => startNamedService(settings, name, env, started)),
  );
  const failed = results.find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
  const commandApi = running.servers.get('command-api');
  if (commandApi) {
    const more = notifierEnvironment(commandApi, issuer);
    await startNamedService(settings, 'notifier', { ...env, ...more }, started);
  }
  return addressesOf(servers, running.servers);
}

/** Both have ended, well or not, when this has: nothing starts behind the back of the clean-up. */
async function both<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return [await first, await second];
}

function addressesOf(servers: Servers, all: Map<string, LocalServer>): StackAddresses {
  const url = (name: string) => all.get(name)?.url ?? '';
  return {
    commandApi: url('command-api'),
    readApi: url('read-api'),
    gateway: `${url('realtime-gateway').replace(/^http/, 'ws')}/v1/socket`,
    issuer: url('issuer'),
    nats: servers.nats.url,
    analytics: servers.nats.analyticsUrl ?? '',
    postgres: servers.postgres.url,
    redis: servers.redis.url,
    docs: `${url('command-api')}/docs`,
    queryDocs: `${url('read-api')}/docs`,
  };
}

function superviseAll(
  settings: StackSettings,
  addresses: StackAddresses,
  running: Running,
  options: StackOptions,
): Stack {
  const { dir } = settings;
  const pids = () => {
    const each = [...running.servers].map(([name, server]) => [name, server.pid] as const);
    return { launcher: process.pid, ...Object.fromEntries(each) };
  };
  const record = () => writeStackFile(dir, { ...addresses, pids: pids() });
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopAll(settings, running);
    return stopping;
  };
  const onGiveUp = (name: string) => {
    const tail = logTail(join(dir, 'logs', `${name}.log`), 12);
    const error = new SetupError(`${name} ended five times within 30 s. Its last lines:\n${tail}`);
    void stop().finally(() => options.onFailure?.(error));
  };
  record();
  for (const [name, server] of running.servers) {
    const onRestart = () => {
      settings.report(`${name} ended and was started again (process ${server.pid})`);
      record();
    };
    running.supervisors.push(supervise({ name, server, onRestart, onGiveUp }));
  }
  return { dir, addresses, pids, stop };
}

async function stopAll(settings: StackSettings, running: Running): Promise<void> {
  await Promise.all(running.supervisors.map((supervisor) => supervisor.release()));
  const last = ['redis', 'nats', 'postgres'];
  const services = [...running.servers].filter(([name]) => !last.includes(name));
  await Promise.all(services.map(([, service]) => service.stop()));
  for (const name of last) await running.servers.get(name)?.stop();
  removeStackFile(settings.dir);
  running.release();
}
