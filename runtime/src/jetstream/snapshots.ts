import { setTimeout as after } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { JetStreamApiError } from '@nats-io/jetstream';
import { type KV, type KvEntry, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { SNAPSHOT_BUCKET } from '@parley/contracts';
import type { Covered, SnapshotStore } from '../event-log.ts';

const compress = promisify(gzip);
const expand = promisify(gunzip);

/** Somebody else's put came first, or is on its way. */
const LOST = new Set([10071, 10164]);
/** A replica may be asked that does not know yet what was written last. */
const ATTEMPTS = 10;
const PAUSE_MS = 50;
const LINE_END = 0x0a;
/** The first byte of a value of an earlier release, which does not say what it covers. */
const GZIP = 0x1f;

/**
 * Snapshots in a NATS KV bucket, compressed so that a roster of 10,000 fits one message. A value is a line of JSON that
 * says what the snapshot covers, then gzip: who writes another one reads the line, and nothing of what is behind it.
 */
export class KvSnapshotStore implements SnapshotStore {
  readonly #bucket: KV;

  private constructor(bucket: KV) {
    this.#bucket = bucket;
  }

  static async open(connection: NatsConnection, replicas: number): Promise<KvSnapshotStore> {
    const bucket = await new Kvm(connection).create(SNAPSHOT_BUCKET, { history: 1, replicas });
    return new KvSnapshotStore(bucket);
  }

  async get(key: string): Promise<Uint8Array | null> {
    const entry = await this.#bucket.get(bucketKey(key));
    if (entry?.operation !== 'PUT') return null;
    const { value } = entry;
    return expand(value[0] === GZIP ? value : value.subarray(value.indexOf(LINE_END) + 1));
  }

  async put(key: string, value: Uint8Array, covered: Covered): Promise<boolean> {
    const line = Buffer.from(`${JSON.stringify(covered)}\n`);
    const stored = Buffer.concat([line, await compress(value)]);
    for (let attempt = 1; ; attempt++) {
      const there = await this.#bucket.get(bucketKey(key));
      const before = there && coveredBy(there);
      if (before?.epoch === covered.epoch && before.sequence > covered.sequence) return false;
      if (await this.#replace(bucketKey(key), stored, there?.revision ?? 0)) return true;
      if (attempt === ATTEMPTS) throw new Error(`another process keeps writing the snapshot of ${key}`);
      await after(PAUSE_MS * Math.random());
    }
  }

  /** False when somebody else has written since `revision`. */
  async #replace(key: string, value: Uint8Array, revision: number): Promise<boolean> {
    try {
      await this.#bucket.put(key, value, { previousSeq: revision });
      return true;
    } catch (error) {
      if (error instanceof JetStreamApiError && LOST.has(error.code)) return false;
      throw error;
    }
  }
}

/** Null when nobody can say: it was deleted, or written by an earlier release or somebody else. */
function coveredBy({ operation, value }: KvEntry): Covered | null {
  if (operation !== 'PUT' || value[0] === GZIP) return null;
  try {
    const { epoch, sequence } = JSON.parse(
      Buffer.from(value.subarray(0, value.indexOf(LINE_END))).toString(),
    ) as Partial<Covered>;
    return typeof epoch === 'string' && typeof sequence === 'number' ? { epoch, sequence } : null;
  } catch {
    return null;
  }
}

/** `~` marks an encoded user token in subjects but is not allowed in a key; `=` occurs in no token. */
function bucketKey(key: string): string {
  return key.replaceAll('~', '=');
}
