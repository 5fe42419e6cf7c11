import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats } from './nats.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';
import { type Report, silent } from './report.ts';
import { SetupError } from './setup-error.ts';

const modes = ['auto', 'local', 'docker', 'external'] as const;
type Mode = (typeof modes)[number];

export interface TestServices {
  mode: Exclude<Mode, 'auto'>;
  natsUrl: string;
  /** An account and database from which databases can be created. */
  databaseUrl: string;
  redisUrl: string;
  stop(): Promise<void>;
}

/** What the tests run against, chosen by TEST_SERVICES. A service that is missing is an error, never a skip. */
export async function resolveTestServices(report: Report = silent): Promise<TestServices> {
  const asked = askedMode();
  const mode = asked === 'auto' ? automatic() : asked;
  if (mode === 'external') return external();
  if (mode === 'local') return local(report);
  const { startContainers } = await import('./test-containers.ts');
  return startContainers(report);
}

function askedMode(): Mode {
  const asked = process.env.TEST_SERVICES || 'auto';
  const mode = modes.find((each) => each === asked);
  if (mode) return mode;
  throw new SetupError(`TEST_SERVICES is "${asked}". Set it to one of ${modes.join(', ')}, or unset it.`);
}

function automatic(): 'local' | 'external' {
  return missingVariables().length === 0 ? 'external' : 'local';
}

function missingVariables(): string[] {
  return ['NATS_URL', 'DATABASE_URL', 'REDIS_URL'].filter((name) => !process.env[name]);
}

function external(): TestServices {
  const missing = missingVariables();
  if (missing.length > 0) {
    throw new SetupError(
      `TEST_SERVICES=external needs ${missing.join(', ')}. Set ${missing.length === 1 ? 'it' : 'them'}, ` +
        'or use TEST_SERVICES=local to have the servers started here.',
    );
  }
  const { NATS_URL = '', DATABASE_URL = '', REDIS_URL = '' } = process.env;
  return {
    mode: 'external',
    natsUrl: NATS_URL,
    databaseUrl: DATABASE_URL,
    redisUrl: REDIS_URL,
    stop: () => Promise.resolve(),
  };
}

async function local(report: Report): Promise<TestServices> {
  const dir = await mkdtemp(join(tmpdir(), 'parley-test-'));
  const starts = [
    startNats({ dir: join(dir, 'nats'), report }),
    startPostgres({ dir: join(dir, 'postgres'), fast: true, report }),
    startRedis({ dir: join(dir, 'redis'), report }),
  ] as const;
  const stop = async () => {
    const started = await Promise.allSettled(starts);
    await Promise.all(started.map((each) => (each.status === 'fulfilled' ? each.value.stop() : undefined)));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const [nats, postgres, redis] = await Promise.all(starts);
    return { mode: 'local', natsUrl: nats.url, databaseUrl: postgres.adminUrl, redisUrl: redis.url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
