import {
  authVariables,
  type Config,
  choice,
  httpVariables,
  integer,
  logVariables,
  postgresVariables,
  processVariables,
  redisVariables,
  type Variables,
} from '@parley/runtime';

export const gatewayVariables = {
  ...processVariables,
  ...logVariables,
  ...postgresVariables,
  ...redisVariables,
  ...authVariables,
  ...httpVariables,
  maxSockets: {
    env: 'GATEWAY_MAX_SOCKETS',
    description: 'Sockets that one gateway process takes; more are refused with 503',
    schema: integer(1, 1_000_000),
    default: '20000',
  },
  maxSocketsPerUser: {
    env: 'GATEWAY_MAX_SOCKETS_PER_USER',
    description: 'Sockets that one user has on one gateway process; the next one is closed with 4504',
    schema: integer(1, 10_000),
    default: '32',
  },
  maxGreetingPerAddress: {
    env: 'GATEWAY_MAX_GREETING_PER_ADDRESS',
    description:
      'Sockets of one client address that have not said hello yet; more are refused with 429 unless PARLEY_LIMITS=off',
    schema: integer(1, 1_000_000),
    default: '1000',
  },
  presence: {
    env: 'GATEWAY_PRESENCE',
    description: 'Where the gateways share who is online',
    schema: choice('redis', 'nats'),
    default: 'redis',
  },
  ringBytes: {
    env: 'GATEWAY_RING_BYTES',
    description: 'Memory for the newest commits, from which most resumes are answered',
    schema: integer(1_048_576, 4_294_967_296),
    default: '67108864',
  },
  warmCommits: {
    env: 'GATEWAY_WARM_COMMITS',
    description: 'Commits before the end of the log that a starting process reads into memory',
    schema: integer(0, 1_000_000),
    default: '10000',
  },
  drainMs: {
    env: 'GATEWAY_DRAIN_MS',
    description:
      'Time in milliseconds over which a stopping process sends its clients away, each at a moment of their own; 0 closes all at once',
    schema: integer(0, 600_000),
    default: '3000',
    refuse: (value: number, all: Readonly<Record<string, unknown>>) =>
      value >= Number(all.shutdownDeadlineMs) ? 'must be less than SHUTDOWN_DEADLINE_MS' : undefined,
  },
} satisfies Variables;

export type GatewayConfig = Config<typeof gatewayVariables>;
