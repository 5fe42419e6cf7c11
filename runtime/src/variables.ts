import { z } from 'zod';
import type { Variables } from './config.ts';

/** An integer in a stated range. */
export const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/)
    .transform(Number)
    .pipe(z.number().int().min(min).max(max))
    .describe(`an integer from ${min} to ${max}`);

/** One of these words. */
export const choice = <T extends string>(...words: readonly [T, ...T[]]) => z.enum(words);

const url = (...protocols: string[]) =>
  z
    .string()
    .refine((text) => isUrl(text, protocols))
    .describe(`a URL (${protocols.map((protocol) => `${protocol}//…`).join(', ')})`);

const list = (item: z.ZodString, words: string) =>
  z
    .string()
    .transform((text) => text.split(',').flatMap((part) => part.trim() || []))
    .pipe(z.array(item))
    .describe(words);

function isUrl(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol);
}

/** What every process takes. */
export const processVariables = {
  host: { env: 'HOST', description: 'Address to listen on', schema: z.string().min(1), default: '127.0.0.1' },
  port: {
    env: 'PORT',
    description: 'TCP port to listen on; 0 takes a free one',
    schema: integer(0, 65_535),
    default: '8080',
  },
  logLevel: {
    env: 'LOG_LEVEL',
    description: 'Least severe log line that is written',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    default: 'info',
  },
  mode: {
    env: 'PARLEY_MODE',
    description: 'local = a developer machine; some safety checks may be lifted only there',
    schema: z.enum(['local', 'production']),
    default: 'production',
  },
  shutdownDeadlineMs: {
    env: 'SHUTDOWN_DEADLINE_MS',
    description: 'Longest graceful stop in milliseconds; the process exits with code 1 after it',
    schema: integer(100, 600_000),
    default: '10000',
  },
} satisfies Variables;

const NATS_PROTOCOLS = ['nats:', 'tls:', 'ws:', 'wss:'];

export const logVariables = {
  natsUrl: {
    env: 'NATS_URL',
    description: 'NATS servers that hold the log, comma-separated',
    schema: z
      .string()
      .refine((text) => text.split(',').every((part) => isUrl(part.trim(), NATS_PROTOCOLS)))
      .describe('one or more URLs (nats://…, tls://…, ws://…, wss://…), comma-separated'),
    secret: true,
    example: 'nats://127.0.0.1:4222',
  },
  logReplicas: {
    env: 'LOG_REPLICAS',
    description: 'Copies of the log when it is created: 1, or 3 on a cluster',
    schema: z
      .enum(['1', '3'])
      .transform((text): 1 | 3 => (text === '3' ? 3 : 1))
      .describe('1 | 3'),
    default: '1',
  },
} satisfies Variables;

export const postgresVariables = {
  databaseUrl: {
    env: 'DATABASE_URL',
    description: 'Postgres that holds the read models',
    schema: url('postgres:', 'postgresql:'),
    secret: true,
    example: 'postgres://parley:password@127.0.0.1:5432/parley',
  },
} satisfies Variables;

export const redisVariables = {
  redisUrl: {
    env: 'REDIS_URL',
    description: 'Redis for rate limits, revoked sessions and presence',
    schema: url('redis:', 'rediss:'),
    secret: true,
    example: 'redis://127.0.0.1:6379',
  },
} satisfies Variables;

export const authVariables = {
  jwksUrl: {
    env: 'JWKS_URL',
    description: 'Where the public keys of the token issuer are',
    schema: url('https:', 'http:'),
    example: 'https://issuer.example/.well-known/jwks.json',
  },
  jwtIssuer: {
    env: 'JWT_ISSUER',
    description: 'The `iss` that a token must carry',
    schema: z.string().min(1),
    example: 'https://issuer.example',
  },
  jwtAudience: {
    env: 'JWT_AUDIENCE',
    description: 'The `aud` that a token must carry',
    schema: z.string().min(1),
    example: 'parley',
  },
} satisfies Variables;

export const httpVariables = {
  corsOrigins: {
    env: 'CORS_ORIGINS',
    description: 'Origins whose pages may call from a browser; empty = none',
    schema: list(
      z.string().refine((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
      'origins (scheme://host:port, no path, no wildcard), comma-separated',
    ),
    default: '',
    example: 'https://chat.example,http://localhost:5173',
  },
  trustedProxies: {
    env: 'TRUSTED_PROXIES',
    description: 'Proxies whose X-Forwarded-For is believed; empty = none',
    schema: list(
      z.string().regex(/^[0-9a-fA-F:.]+(\/\d{1,3})?$/),
      'addresses or CIDR blocks, comma-separated',
    ),
    default: '',
    example: '10.0.0.0/8',
  },
  limits: {
    env: 'PARLEY_LIMITS',
    description: 'Rate limits; off only in local mode, for load tools',
    schema: z.enum(['on', 'off']),
    default: 'on',
    refuse: (value: unknown, all: Readonly<Record<string, unknown>>) =>
      value === 'off' && all.mode !== 'local' ? 'off is only accepted with PARLEY_MODE=local' : undefined,
  },
  rateCommandsPerMinute: {
    env: 'RATE_COMMANDS_PER_MINUTE',
    description: 'Commands that one user may send in a minute; all of them may come at once',
    schema: integer(1, 1_000_000),
    default: '600',
  },
  rateQueriesPerMinute: {
    env: 'RATE_QUERIES_PER_MINUTE',
    description: 'Queries that one user may make in a minute; all of them may come at once',
    schema: integer(1, 1_000_000),
    default: '1200',
  },
} satisfies Variables;

/** For a process that sends commands of its own: where to, and how it gets its token. */
export const serviceVariables = {
  commandApiUrl: {
    env: 'COMMAND_API_URL',
    description: 'The command API that takes commands of other services',
    schema: url('https:', 'http:'),
    example: 'http://command-api:8080',
  },
  tokenUrl: {
    env: 'TOKEN_URL',
    description: 'Token endpoint of the issuer, for the OAuth 2.0 client credentials grant',
    schema: url('https:', 'http:'),
    example: 'https://issuer.example/token',
  },
  clientId: {
    env: 'CLIENT_ID',
    description: 'The name of this service at the token endpoint',
    schema: z.string().min(1),
    example: 'parley-notifier',
  },
  clientSecret: {
    env: 'CLIENT_SECRET',
    description: 'Its secret there',
    schema: z.string().min(1),
    secret: true,
    example: 'change-me',
  },
} satisfies Variables;
