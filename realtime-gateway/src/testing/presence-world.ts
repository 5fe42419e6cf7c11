import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OwnPresence, SeenPresence, ServerFrame } from '@parley/contracts';
import {
  type LocalServer,
  type PostgresServer,
  startNats,
  startPostgres,
  startRedis,
} from '@parley/deploy/testing';
import {
  connectRedis,
  createLogger,
  createPool,
  type LeaseStore,
  openEventLog,
  openRedisLeases,
  type Signals,
} from '@parley/runtime';
import type { Pool } from 'pg';
import { Presence, type PresenceTimes, type PresentSocket } from '../presence/presence.ts';
import { readPrivacy } from '../presence/read-privacy.ts';

const MIGRATIONS = new URL('../../../projector/migrations/', import.meta.url);
const logger = createLogger({ name: 'test', level: 'silent' });

export type StoreKind = 'redis' | 'nats';

/** Short, and with room for a busy machine between a lease's renewals and its end. */
const TIMES: PresenceTimes = {
  ttlMs: 3_000,
  renewMs: 500,
  graceMs: 1_000,
  seenMs: 500,
  tickMs: 20,
  tellMs: 50,
  settleMs: 1_500,
  unknownMs: 100,
};

/** One process's presence, with connections of its own. */
export interface Node {
  presence: Presence;
  signals: Signals;
  counts: { leasesWritten: number; usersRead: number; usersAnnounced: number; frames: number };
  /** Everything it says to the others is cut off at once, as by SIGKILL. */
  kill(): Promise<void>;
}

/** A socket that keeps what it is told. */
export class PresenceSocket implements PresentSocket {
  readonly connection = crypto.randomUUID();
  readonly userId: string;
  readonly frames: ServerFrame[] = [];
  readonly known = new Map<string, SeenPresence>();
  /** Its queue is half full. */
  full = false;
  closed = false;

  constructor(userId: string) {
    this.userId = userId;
  }

  get feed(): PresentSocket['feed'] {
    return this;
  }

  whisper(frame: Uint8Array): boolean {
    if (this.full) return false;
    const told: ServerFrame = JSON.parse(new TextDecoder().decode(frame));
    this.frames.push(told);
    if (told.t !== 'presence' && told.t !== 'presences') throw new Error(`an unexpected ${told.t}`);
    for (const { user, state, lastSeen } of told.t === 'presence' ? [told] : told.items) {
      this.known.set(user, { user, state, ...(lastSeen === undefined ? {} : { lastSeen }) });
    }
    return true;
  }

  /** All that it was told of a user, in order. */
  history(user: string): string[] {
    return this.frames.flatMap((frame) => {
      if (frame.t === 'presence') return frame.user === user ? [frame.state] : [];
      if (frame.t !== 'presences') return [];
      return frame.items.filter((item) => item.user === user).map(({ state }) => state);
    });
  }

  state(user: string): string {
    return this.known.get(user)?.state ?? 'nothing';
  }
}

interface Servers {
  nats: LocalServer;
  redis: LocalServer;
  postgres: PostgresServer;
}

/** Presence of several processes over real servers. */
export class PresenceWorld {
  readonly kind: StoreKind;
  readonly #servers: Servers;
  readonly #dir: string;
  readonly #nodes: Node[] = [];
  readonly rows: Pool;

  private constructor(kind: StoreKind, dir: string, servers: Servers) {
    this.kind = kind;
    this.#dir = dir;
    this.#servers = servers;
    this.rows = createPool({ url: servers.postgres.url, name: 'test', logger });
  }

  static async start(kind: StoreKind): Promise<PresenceWorld> {
    const dir = mkdtempSync(join(tmpdir(), 'parley-presence-'));
    const [nats, redis, postgres] = await Promise.all([
      startNats({ dir: join(dir, 'nats') }),
      startRedis({ dir: join(dir, 'redis') }),
      startPostgres({ dir: join(dir, 'postgres'), fast: true }),
    ]);
    const world = new PresenceWorld(kind, dir, { nats, redis, postgres });
    for (const name of readdirSync(MIGRATIONS).sort()) {
      if (name.endsWith('.sql')) await world.rows.query(readFileSync(new URL(name, MIGRATIONS), 'utf8'));
    }
    return world;
  }

  /** What holds the leases. */
  get store(): LocalServer {
    return this.kind === 'redis' ? this.#servers.redis : this.#servers.nats;
  }

  get nats(): LocalServer {
    return this.#servers.nats;
  }

  get postgres(): LocalServer {
    return this.#servers.postgres;
  }

  /** `reach`: how the node reaches the store. */
  async node(times: Partial<PresenceTimes> = {}, reach = (store: LeaseStore) => store): Promise<Node> {
    const log = await openEventLog({ natsUrl: this.#servers.nats.url, replicas: 1, name: 'test', logger });
    const redis = connectRedis({ url: this.#servers.redis.url, logger });
    const leases: LeaseStore = this.kind === 'redis' ? openRedisLeases(redis) : await log.openLeases();
    while (redis.status !== 'ready') await new Promise((resolve) => setImmediate(resolve));
    const counts: Node['counts'] = { leasesWritten: 0, usersRead: 0, usersAnnounced: 0, frames: 0 };
    const count = (what: keyof typeof counts) => (by: number) => {
      counts[what] += by;
    };
    const presence = new Presence({
      leases: reach(leases),
      signals: log.signals,
      privacy: (users, watchersOf) => readPrivacy(this.rows, users, watchersOf),
      logger,
      observer: {
        leasesWritten: count('leasesWritten'),
        usersRead: count('usersRead'),
        usersAnnounced: count('usersAnnounced'),
        frameSent: () => {
          counts.frames += 1;
        },
      },
      times: { ...TIMES, ...times },
    });
    const kill = async (): Promise<void> => {
      redis.disconnect();
      await log.close().catch(() => undefined);
      await presence.stop();
    };
    const node = { presence, signals: log.signals, counts, kill };
    this.#nodes.push(node);
    return node;
  }

  async stop(): Promise<void> {
    for (const node of this.#nodes) await node.presence.stop();
    for (const node of this.#nodes) await node.kill();
    await this.rows.end();
    const { nats, redis, postgres } = this.#servers;
    await Promise.all([nats.stop(), redis.stop(), postgres.stop()]);
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async block(userId: string, blockedId: string): Promise<void> {
    await this.rows.query('insert into read_model.blocks values ($1, $2, now())', [userId, blockedId]);
  }

  /** Who reads what users let others see waits until the given function is called. */
  async holdPrivacy(): Promise<() => Promise<void>> {
    const client = await this.rows.connect();
    await client.query('begin');
    await client.query('lock table read_model.users, read_model.blocks in access exclusive mode');
    return async () => {
      await client.query('rollback');
      client.release();
    };
  }

  async hideLastSeen(userId: string): Promise<void> {
    await this.rows.query(
      `insert into read_model.users (user_id, last_seen_visible, preferences, version, sequence)
       values ($1, false, '{}', 1, 1)`,
      [userId],
    );
  }
}

/** A socket that has said hello. */
export function enter({ presence }: Node, userId: string, state: OwnPresence = 'active'): PresenceSocket {
  const socket = new PresenceSocket(userId);
  presence.enter(socket, state);
  return socket;
}

/** A socket that watches, and says nothing of itself that anybody watches. */
export function watcherOn(node: Node, users: readonly string[], userId = 'watcher'): PresenceSocket {
  const socket = enter(node, userId);
  node.presence.watch(socket, users);
  return socket;
}

export function leave({ presence }: Node, socket: PresenceSocket): void {
  socket.closed = true;
  presence.leave(socket);
}
