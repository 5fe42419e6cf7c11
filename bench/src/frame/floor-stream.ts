import {
  DiscardPolicy,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  StoreCompression,
} from '@nats-io/jetstream';

export const FLOOR_STREAM = 'FLOOR';
export const FLOOR_PREFIX = 'floor';

/** A stream like the log's in everything that costs time. */
export async function ensureFloorStream(manager: JetStreamManager, replicas: 1 | 3): Promise<void> {
  await manager.streams.add({
    name: FLOOR_STREAM,
    subjects: [`${FLOOR_PREFIX}.>`],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    compression: StoreCompression.S2,
    allow_direct: true,
    num_replicas: replicas,
  });
}
