import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SERVICE_SCOPE } from '@parley/contracts';
import {
  type Issuer,
  type NatsServer,
  type PostgresServer,
  type RedisServer,
  startIssuer,
  startNats,
  startPostgres,
  startRedis,
} from '@parley/deploy/testing';
import { loadConfig, type OpenLog, openEventLog } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';
import { startCommandApi } from '../command-api.ts';
import { commandApiVariables } from '../config.ts';
import { ReadModel } from './read-model.ts';
import { logger } from './writer-rig.ts';

export interface HttpAnswer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the body is what the tests look into
  body: any;
}

export interface RequestOptions {
  key?: string | null;
  headers?: Record<string, string>;
}

/** The one user whose token has the scope of services. */
const SERVICE = 'notifier';

/** The whole command API on servers of its own. */
export class HttpRig {
  readonly nats: NatsServer;
  readonly issuer: Issuer;
  readonly opened: OpenLog;
  readonly #servers: { stop(): Promise<void> }[];
  readonly #services: Awaited<ReturnType<typeof startCommandApi>>[] = [];
  readonly #env: Record<string, string>;
  readonly #tokens = new Map<string, string>();
  readonly #dir: string;

  private constructor(
    dir: string,
    servers: [NatsServer, Issuer, RedisServer, PostgresServer],
    opened: OpenLog,
  ) {
    const [nats, issuer, redis, postgres] = servers;
    this.#dir = dir;
    this.#servers = servers;
    this.nats = nats;
    this.issuer = issuer;
    this.opened = opened;
    this.#env = {
      NATS_URL: nats.url,
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      JWKS_URL: issuer.jwksUrl,
      JWT_ISSUER: issuer.issuer,
      JWT_AUDIENCE: issuer.audience,
      PORT: '0',
      LOG_LEVEL: 'silent',
      PARLEY_MODE: 'local',
      PARLEY_LIMITS: 'off',
    };
  }

  static async start(): Promise<HttpRig> {
    const dir = mkdtempSync(join(tmpdir(), 'parley-commands-'));
    const servers = await Promise.all([
      startNats({ dir: join(dir, 'nats') }),
      startIssuer({ dir: join(dir, 'issuer') }),
      startRedis({ dir: join(dir, 'redis') }),
      startPostgres({ dir: join(dir, 'postgres'), fast: true }),
    ]);
    const [nats, , , postgres] = servers;
    await (await ReadModel.create(postgres.url)).close();
    const opened = await openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
    return new HttpRig(dir, servers, opened);
  }

  /** Another process of the service; gives its address. */
  async serve(env: Record<string, string> = {}): Promise<string> {
    const config = loadConfig(commandApiVariables, { ...this.#env, ...env });
    const service = await startCommandApi(config, logger);
    this.#services.push(service);
    return `http://127.0.0.1:${service.port}`;
  }

  async token(userId: string): Promise<string> {
    const known = this.#tokens.get(userId);
    if (known) return known;
    const scopes = userId === SERVICE ? [SERVICE_SCOPE] : [];
    const { token } = await this.issuer.signer.sign({ sub: userId, scopes });
    this.#tokens.set(userId, token);
    return token;
  }

  /** `body` is sent as it is when it is text or bytes. A fresh key is made unless one is given or null. */
  async post(
    url: string,
    userId: string,
    body: unknown,
    { key = uuidv7(), headers = {} }: RequestOptions = {},
  ): Promise<HttpAnswer> {
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await this.token(userId)}`,
        'content-type': 'application/json',
        ...(key === null ? {} : { 'idempotency-key': key }),
        ...headers,
      },
      body: raw ? body : JSON.stringify(body),
    });
    return { status: answer.status, headers: answer.headers, body: await answer.json() };
  }

  async head(): Promise<number> {
    return (await this.opened.log.bounds()).last;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.stop()));
    await this.opened.close();
    await Promise.all(this.#servers.map((server) => server.stop()));
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
