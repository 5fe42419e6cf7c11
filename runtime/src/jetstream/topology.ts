import { randomUUID } from 'node:crypto';
import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from '@nats-io/jetstream';
import { LOG_STREAM, LOG_SUBJECTS } from '@parley/contracts';
import type { Logger } from '../log.ts';

const STREAM_NOT_FOUND = 10059;
const STREAM_NAME_IN_USE = 10058;

/** What the stream must be. Message TTL, counters and async persistence stay off: they cannot be undone. */
function wanted(replicas: number) {
  return {
    subjects: [LOG_SUBJECTS],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    max_age: 0,
    max_msgs: -1,
    max_bytes: -1,
    discard: DiscardPolicy.New,
    compression: StoreCompression.S2,
    allow_direct: true,
    num_replicas: replicas,
  } as const satisfies Partial<StreamConfig>;
}

/**
 * Creates the log's stream when there is none and returns its epoch. An existing stream is never changed or deleted:
 * differences are logged for an operator to decide. Safe when several processes start at once.
 */
export async function ensureStream(
  manager: JetStreamManager,
  options: { replicas: number; logger: Logger },
): Promise<{ epoch: string }> {
  const config = (await existing(manager)) ?? (await create(manager, options.replicas));
  const epoch = config.metadata?.epoch;
  if (!epoch) {
    throw new Error(
      `stream ${LOG_STREAM} has no epoch in its metadata: it was not made by Parley; use another NATS account or remove it`,
    );
  }
  for (const difference of drift(config, options.replicas)) {
    options.logger.warn(
      { stream: LOG_STREAM, ...difference },
      'stream configuration differs from the wanted one',
    );
  }
  return { epoch };
}

async function existing(manager: JetStreamManager): Promise<StreamConfig | null> {
  try {
    return (await manager.streams.info(LOG_STREAM)).config;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return null;
    throw error;
  }
}

async function create(manager: JetStreamManager, replicas: number): Promise<StreamConfig> {
  const config = { name: LOG_STREAM, ...wanted(replicas), metadata: { epoch: randomUUID() } };
  try {
    return (await manager.streams.add(config)).config;
  } catch (error) {
    // Another process was faster; its epoch is the one that counts.
    if (!(error instanceof JetStreamApiError && error.code === STREAM_NAME_IN_USE)) throw error;
    const found = await existing(manager);
    if (!found) throw error;
    return found;
  }
}

function drift(
  actual: StreamConfig,
  replicas: number,
): { setting: string; wanted: unknown; actual: unknown }[] {
  return Object.entries(wanted(replicas))
    .map(([setting, value]) => ({ setting, wanted: value, actual: actual[setting as keyof StreamConfig] }))
    .filter((entry) => JSON.stringify(entry.wanted) !== JSON.stringify(entry.actual));
}

/** In the stream's metadata, beside the epoch. */
const COMPLETE_FROM = 'complete_from';

/**
 * The log holds every commit from this sequence on; before it retention has left single commits only. 1 while nothing
 * was ever removed.
 */
export function completeFrom({ metadata }: Pick<StreamConfig, 'metadata'>): number {
  const from = Number(metadata?.[COMPLETE_FROM] ?? 1);
  // Believed to be 1, a reader would take what is left of the past for all of it.
  if (!Number.isSafeInteger(from) || from < 1) {
    throw new Error(
      `stream ${LOG_STREAM} says ${COMPLETE_FROM} ${metadata?.[COMPLETE_FROM]}: that is no sequence`,
    );
  }
  return from;
}

/**
 * Says, before anything is removed, from where on the log is complete: readers of what is before are refused from then
 * on instead of being given a part of it. Never lowers it. Resolves when the stream's leader says so itself.
 */
export async function raiseCompleteFrom(manager: JetStreamManager, sequence: number): Promise<void> {
  const { config } = await manager.streams.info(LOG_STREAM);
  if (completeFrom(config) >= sequence) return;
  const metadata = { ...config.metadata, [COMPLETE_FROM]: String(sequence) };
  await manager.streams.update(LOG_STREAM, { metadata });
  const said = completeFrom((await manager.streams.info(LOG_STREAM)).config);
  if (said < sequence) {
    throw new Error(`stream ${LOG_STREAM} still says ${COMPLETE_FROM} ${said}, not ${sequence}: try again`);
  }
}
