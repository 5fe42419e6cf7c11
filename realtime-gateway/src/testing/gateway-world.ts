import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatPosition } from '@parley/contracts';
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
import {
  createLogger,
  createPool,
  type EventLog,
  loadConfig,
  openEventLog,
  Readiness,
} from '@parley/runtime';
import type { Pool } from 'pg';
import { gatewayVariables } from '../config.ts';
import { type RealtimeGateway, startRealtimeGateway } from '../realtime-gateway.ts';
import { TestWriter } from './commits.ts';
import { TestSocket } from './test-socket.ts';

const MIGRATIONS = new URL('../../../projector/migrations/', import.meta.url);
const logger = createLogger({ name: 'test', level: 'silent' });

/** A gateway with its real neighbours. The read model's rows are written by SQL, where a test wants them. */
export class GatewayWorld {
  readonly #stops: (() => Promise<unknown>)[] = [];
  readonly nats: NatsServer;
  readonly postgres: PostgresServer;
  readonly issuer: Issuer;
  readonly redis: RedisServer;
  readonly log: EventLog;
  readonly writer: TestWriter;
  readonly rows: Pool;

  private constructor(parts: {
    nats: NatsServer;
    postgres: PostgresServer;
    redis: RedisServer;
    issuer: Issuer;
    log: EventLog;
  }) {
    this.nats = parts.nats;
    this.postgres = parts.postgres;
    this.redis = parts.redis;
    this.issuer = parts.issuer;
    this.log = parts.log;
    this.writer = new TestWriter(parts.log);
    this.rows = createPool({ url: parts.postgres.url, name: 'test', logger });
  }

  static async start(): Promise<GatewayWorld> {
    const dir = mkdtempSync(join(tmpdir(), 'parley-gateway-'));
    const [nats, postgres, redis, issuer] = await Promise.all([
      startNats({ dir: join(dir, 'nats') }),
      startPostgres({ dir: join(dir, 'postgres'), fast: true }),
      startRedis({ dir: join(dir, 'redis') }),
      startIssuer({ dir: join(dir, 'issuer') }),
    ]);
    const opened = await openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
    const world = new GatewayWorld({ nats, postgres, redis, issuer, log: opened.log });
    world.#stops.push(
      () => world.rows.end(),
      () => opened.close(),
      () => Promise.all([nats.stop(), postgres.stop(), redis.stop(), issuer.stop()]),
      async () => rmSync(dir, { recursive: true, force: true }),
    );
    for (const name of readdirSync(MIGRATIONS).sort()) {
      if (name.endsWith('.sql')) await world.rows.query(readFileSync(new URL(name, MIGRATIONS), 'utf8'));
    }
    await world.checkpoint();
    return world;
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) await stop();
  }

  async gateway(environment: Record<string, string> = {}): Promise<RealtimeGateway> {
    const config = loadConfig(gatewayVariables, {
      PORT: '0',
      NATS_URL: this.nats.url,
      DATABASE_URL: this.postgres.url,
      REDIS_URL: this.redis.url,
      JWKS_URL: this.issuer.jwksUrl,
      JWT_ISSUER: this.issuer.issuer,
      JWT_AUDIENCE: this.issuer.audience,
      CORS_ORIGINS: 'https://chat.example',
      GATEWAY_DRAIN_MS: '0',
      ...environment,
    });
    const readiness = new Readiness();
    const gateway = await startRealtimeGateway(config, logger, readiness);
    const stopOnce = once(() => gateway.stop());
    this.#stops.unshift(stopOnce);
    while (!(await readiness.report()).ready) await new Promise((resolve) => setImmediate(resolve));
    return { ...gateway, stop: stopOnce };
  }

  async token(userId: string, ttlSeconds = 3_600): Promise<string> {
    return (await this.issuer.signer.sign({ sub: userId, ttlSeconds })).token;
  }

  /** A socket that has said hello. */
  async connect(gateway: RealtimeGateway, userId: string, since: string | null = null): Promise<TestSocket> {
    const socket = await TestSocket.open(gateway.url);
    socket.send({ t: 'hello', token: await this.token(userId), since });
    return socket;
  }

  position(sequence: number): string {
    return formatPosition(this.log.epoch, sequence);
  }

  async conversation(id: string, version: number, memberCount: number): Promise<void> {
    await this.rows.query(
      `insert into read_model.conversations
         (id, type, settings, created_at, created_by, member_count, message_count, version, sequence)
       values ($1, 'group', '{"receipts": true, "historyVisibility": "shared"}', now(), 'writer', $3, 0, $2, 0)
       on conflict (id) do update set version = $2, member_count = $3`,
      [id, version, memberCount],
    );
  }

  async member(conversationId: string, userId: string, joinedSequence: number): Promise<void> {
    await this.rows.query(
      `insert into read_model.members
         (conversation_id, user_id, role, joined_at, joined_sequence, joined_version, joined_ordinal, read_ordinal)
       values ($1, $2, 'member', now(), $3, 1, 0, 0)
       on conflict (conversation_id, user_id)
       do update set joined_sequence = $3, left_sequence = null, left_reason = null`,
      [conversationId, userId, joinedSequence],
    );
  }

  async role(conversationId: string, userId: string, role: string, joinedOrdinal = 0): Promise<void> {
    await this.rows.query(
      `update read_model.members set role = $3, joined_ordinal = $4 where conversation_id = $1 and user_id = $2`,
      [conversationId, userId, role, joinedOrdinal],
    );
  }

  async history(id: string, visibility: 'shared' | 'joined'): Promise<void> {
    await this.rows.query(
      `update read_model.conversations
       set settings = settings || jsonb_build_object('historyVisibility', $2::text) where id = $1`,
      [id, visibility],
    );
  }

  /** The conversation is one that everybody may look into. */
  async publicChannel(id: string): Promise<void> {
    await this.rows.query("update read_model.conversations set type = 'channel' where id = $1", [id]);
  }

  /** The conversation is a broadcast to a segment of users. */
  async broadcast(id: string, segment: string): Promise<void> {
    await this.rows.query(
      "update read_model.conversations set type = 'broadcast', audience = 'segment', segment = $2 where id = $1",
      [id, segment],
    );
  }

  /** A message that is deleted, as the read model keeps it. */
  async tombstone(id: string, ordinal: number): Promise<void> {
    await this.rows.query(
      `insert into read_model.messages
         (conversation_id, ordinal, message_id, sequence, sender_id, sent_at, replies, format, attachments, mentions,
          mentions_all, deleted_at, deleted_by, version, sent_version)
       values ($1, $2, gen_random_uuid(), 0, 'writer', now(), 0, 'plain', '[]', '{}', false, now(), 'writer', 1, 1)`,
      [id, ordinal],
    );
  }

  async expired(id: string, throughOrdinal: number): Promise<void> {
    await this.rows.query('update read_model.conversations set expired_ordinal = $2 where id = $1', [
      id,
      throughOrdinal,
    ]);
  }

  async left(conversationId: string, userId: string, sequence: number, reason: string): Promise<void> {
    await this.rows.query(
      `update read_model.members set left_sequence = $3, left_reason = $4
       where conversation_id = $1 and user_id = $2`,
      [conversationId, userId, sequence, reason],
    );
  }

  async deleted(id: string, sequence: number): Promise<void> {
    await this.rows.query(
      'update read_model.conversations set deleted_at = now(), sequence = $2 where id = $1',
      [id, sequence],
    );
  }

  /** Says that the rows reflect the log up to a sequence; its end unless told. */
  async checkpoint(sequence?: number): Promise<void> {
    const upTo = sequence ?? (await this.log.bounds()).last;
    await this.rows.query(
      `insert into read_model.checkpoints values (0, $1, $2, '', 1, now())
       on conflict (lane) do update set epoch = $1, sequence = $2`,
      [this.log.epoch, upTo],
    );
  }
}

function once(stop: () => Promise<void>): () => Promise<void> {
  let stopping: Promise<void> | null = null;
  return () => {
    stopping ??= stop();
    return stopping;
  };
}
