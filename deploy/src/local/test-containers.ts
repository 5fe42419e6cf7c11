import type { Report } from './report.ts';
import { SetupError } from './setup-error.ts';
import type { TestServices } from './test-services.ts';

interface Stoppable {
  stop(): Promise<unknown>;
}

/** Everything here is imported on demand: the packages are for development and heavy. */
export async function startContainers(report: Report): Promise<TestServices> {
  await requireRuntime();
  report('starting containers (the first time pulls the images)…');
  const started: Stoppable[] = [];
  const stop = async () => {
    await Promise.all(started.map((each) => each.stop()));
  };
  const keep = <T extends Stoppable>(container: T): T => {
    started.push(container);
    return container;
  };
  const results = await Promise.allSettled([natsUrl(keep), databaseUrl(keep), redisUrl(keep)]);
  const [nats, database, redis] = results;
  if (nats.status === 'fulfilled' && database.status === 'fulfilled' && redis.status === 'fulfilled') {
    return { mode: 'docker', natsUrl: nats.value, databaseUrl: database.value, redisUrl: redis.value, stop };
  }
  await stop();
  throw results.find((each) => each.status === 'rejected')?.reason;
}

type Keep = <T extends Stoppable>(container: T) => T;

async function natsUrl(keep: Keep): Promise<string> {
  const { GenericContainer, Wait } = await import('testcontainers');
  // Not the ready-made NATS container: it sets a user and a password, and NATS_URL carries none.
  const container = await new GenericContainer('nats:2.12')
    .withCommand(['-js', '-sd', '/data'])
    .withExposedPorts(4222)
    .withWaitStrategy(Wait.forLogMessage(/Server is ready/))
    .start();
  keep(container);
  return `nats://${container.getHost()}:${container.getMappedPort(4222)}`;
}

async function databaseUrl(keep: Keep): Promise<string> {
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql');
  return keep(await new PostgreSqlContainer('postgres:17').start()).getConnectionUri();
}

async function redisUrl(keep: Keep): Promise<string> {
  const { RedisContainer } = await import('@testcontainers/redis');
  return keep(await new RedisContainer('redis:7').start()).getConnectionUrl();
}

async function requireRuntime(): Promise<void> {
  const { getContainerRuntimeClient } = await import('testcontainers');
  try {
    await getContainerRuntimeClient();
  } catch (error) {
    throw new SetupError(
      'TEST_SERVICES=docker needs a container runtime, and none answers ' +
        `(${error instanceof Error ? error.message : String(error)}). Start Docker or Podman, ` +
        'or set TEST_SERVICES=local to use servers started here without one.',
    );
  }
}
