import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { SNAPSHOT_BUCKET } from '@parley/contracts';
import type { SnapshotStore } from '../event-log.ts';

const compress = promisify(gzip);
const expand = promisify(gunzip);

/** Snapshots in a NATS KV bucket, compressed so that a roster of 10,000 fits one message. */
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
    return entry && entry.operation === 'PUT' ? expand(entry.value) : null;
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    await this.#bucket.put(bucketKey(key), await compress(value));
  }
}

/** `~` marks an encoded user token in subjects but is not allowed in a key; `=` occurs in no token. */
function bucketKey(key: string): string {
  return key.replaceAll('~', '=');
}
