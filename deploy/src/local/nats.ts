import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { analyticsAccess, SERVICES_ACCOUNT } from './analytics-access.ts';
import type { Child } from './child.ts';
import { findNats, natsMinimum } from './find-nats.ts';
import { type NatsCluster, natsConfig } from './nats-config.ts';
import { readNatsInfo } from './nats-probe.ts';
import { choosePort, withPort } from './ports.ts';
import { type Report, silent } from './report.ts';
import { type LocalServer, launch, lifecycle } from './server-process.ts';
import { SetupError } from './setup-error.ts';
import { storedSecret } from './stored-secret.ts';
import { atLeast, formatVersion, parseVersion } from './version.ts';

export interface NatsOptions {
  /** Configuration, log and, unless `storeDir` says otherwise, the streams live here. */
  dir: string;
  name?: string;
  port?: number;
  preferPort?: number;
  storeDir?: string;
  /** One fsync for every write: nothing acknowledged is lost even when the power goes. */
  syncAlways?: boolean;
  cluster?: NatsCluster;
  /** Name of the durable consumer that a user `analytics` may read the log through, and nothing else. */
  analyticsConsumer?: string;
  /** Lines put at the end of the configuration file. */
  configExtra?: string;
  logFile?: string;
  pidFile?: string;
  detached?: boolean;
  report?: Report;
}

export interface NatsServer extends LocalServer {
  readonly name: string;
  readonly version: string;
  /** The HTTP monitoring address, on loopback. */
  readonly monitorUrl: string;
  readonly storeDir: string;
  /** For who reads the log by `analyticsConsumer`; holds the password. */
  readonly analyticsUrl: string | undefined;
}

export async function startNats(options: NatsOptions): Promise<NatsServer> {
  const binary = await findNats(options.report ?? silent);
  mkdirSync(options.dir, { recursive: true });
  return withPort(options, (port) => startOn(port, options, binary.path));
}

async function startOn(port: number, options: NatsOptions, command: string): Promise<NatsServer> {
  const name = options.name ?? ownName(options.dir);
  const storeDir = options.storeDir ?? join(options.dir, 'store');
  const monitorPort = await choosePort(undefined);
  const configFile = join(options.dir, 'nats.conf');
  const { cluster, syncAlways = false, configExtra = '' } = options;
  const reader = analyticsReader(options, storeDir);
  const analytics = reader && analyticsAccess(reader.consumer, reader);
  const common = { name, port, monitorPort, storeDir, dir: options.dir };
  const config = { ...common, cluster, syncAlways, analytics, configExtra };
  writeFileSync(configFile, natsConfig(config), { mode: 0o600 });
  let version = '';
  const start = () =>
    launch({
      name: 'nats-server',
      command,
      args: ['-c', configFile],
      logFile: options.logFile ?? join(options.dir, 'nats.log'),
      pidFile: options.pidFile,
      detached: options.detached,
      readyMs: 30_000,
      ready: async (child) => {
        version = (await whenListening(child, options.dir, port, name)) ?? '';
        return version ? true : undefined;
      },
    });
  const life = lifecycle(await start(), start, { signal: 'SIGTERM', graceMs: 20_000 });
  return {
    ...life,
    url: `nats://127.0.0.1:${port}`,
    port,
    name,
    version,
    storeDir,
    analyticsUrl: reader && `nats://${reader.user}:${reader.password}@127.0.0.1:${port}`,
    monitorUrl: `http://127.0.0.1:${monitorPort}`,
    get pid() {
      return life.pid();
    },
  };
}

/**
 * The server writes `<program>_<pid>.ports` only after its listeners are bound, so the file proves that the port is
 * this child's, and the name in its INFO line that nobody else answers there.
 */
async function whenListening(
  child: Child,
  dir: string,
  port: number,
  name: string,
): Promise<string | undefined> {
  const portsFile = join(dir, `nats-server_${child.pid}.ports`);
  if (!existsSync(portsFile)) return undefined;
  const info = await readNatsInfo(port);
  if (!info) return undefined;
  await rm(portsFile, { force: true });
  if (info.serverName !== name) {
    throw new Error(`port ${port} is answered by "${info.serverName}", not by our "${name}"`);
  }
  requireVersion(info.version);
  return info.version;
}

function requireVersion(text: string): void {
  const version = parseVersion(text);
  if (version && atLeast(version, natsMinimum)) return;
  throw new SetupError(`nats-server ${text} is too old: install ${formatVersion(natsMinimum)} or newer.`);
}

/** Kept with the data: in a cluster the name is the server's identity in every Raft group. */
function ownName(dir: string): string {
  const file = join(dir, 'server-name');
  if (!existsSync(file)) writeFileSync(file, `parley-${randomBytes(6).toString('hex')}`);
  return readFileSync(file, 'utf8').trim();
}

interface Reader {
  consumer: string;
  user: string;
  password: string;
}

function analyticsReader({ dir, analyticsConsumer }: NatsOptions, storeDir: string): Reader | undefined {
  if (!analyticsConsumer) return undefined;
  adoptStreams(join(storeDir, 'jetstream'));
  const password = storedSecret(join(dir, 'analytics-password'));
  return { consumer: analyticsConsumer, user: 'analytics', password };
}

/** A server without accounts keeps its streams in `$G`; one that has accounts now goes on with them. */
function adoptStreams(folder: string): void {
  const [before, now] = [join(folder, '$G'), join(folder, SERVICES_ACCOUNT)];
  if (existsSync(before) && !existsSync(now)) renameSync(before, now);
}
