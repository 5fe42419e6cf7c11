import {
  type EventType,
  envelopeSchema,
  eventSchemas,
  isKnown,
  type LogEvent,
  storedVersion,
  type UnknownEvent,
} from './events.ts';
import { upcast } from './upcasters.ts';

/** One JetStream message = one commit = a CloudEvents batch of one aggregate, applied whole or not at all. */
export const COMMIT_CONTENT_TYPE = 'application/cloudevents-batch+json';
export const MAX_EVENTS_PER_COMMIT = 200;
export const MAX_COMMIT_BYTES = 256 * 1024;

export type RecordedEvent = LogEvent | UnknownEvent;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeCommit(events: readonly LogEvent[]): Uint8Array {
  return encoder.encode(JSON.stringify(events));
}

/** The bytes are not a commit; `message` says what is wrong and names the event when it can. */
export class CorruptCommit extends Error {
  override name = 'CorruptCommit';
}

/**
 * Bytes from the log → events of the current schema versions. Types this build does not know come back as they are.
 * Throws CorruptCommit. `check` validates every event's data too: readers that must not trust the log use it,
 * the hot paths check the envelope's shape only.
 */
export function decodeCommit(payload: Uint8Array, options: { check?: boolean } = {}): RecordedEvent[] {
  const events = parseBatch(payload);
  for (const event of events) {
    try {
      const fault = options.check ? envelopeFault(event) : shapeFault(event);
      if (fault) throw new CorruptCommit(fault);
      if (isKnown(event)) bringToCurrent(event, options.check ?? false);
    } catch (error) {
      // An upcaster that meets data nobody expected, or a value too deep to be checked.
      if (error instanceof CorruptCommit) throw error;
      throw new CorruptCommit(`${nameOf(event)}: ${(error as Error).message}`);
    }
  }
  return events;
}

/** `id` may be anything here, an object that cannot be made a string too. */
function nameOf(event: RecordedEvent | null): string {
  const id: unknown = event?.id;
  return typeof id === 'string' ? `event ${id}` : 'an event without an id';
}

function parseBatch(payload: Uint8Array): RecordedEvent[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decoder.decode(payload));
  } catch (error) {
    throw new CorruptCommit(`not JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(parsed) || parsed.length === 0) throw new CorruptCommit('not a batch of events');
  return parsed as RecordedEvent[];
}

function shapeFault(event: RecordedEvent): string | null {
  if (typeof event !== 'object' || event === null) return 'an event is not an object';
  const complete =
    typeof event.id === 'string' &&
    typeof event.type === 'string' &&
    typeof event.subject === 'string' &&
    typeof event.time === 'string' &&
    typeof event.dataschema === 'string' &&
    typeof event.actor === 'string' &&
    typeof event.data === 'object' &&
    event.data !== null;
  return complete ? null : `${nameOf(event)} lacks an attribute`;
}

function envelopeFault(event: RecordedEvent): string | null {
  const parsed = envelopeSchema.safeParse(event);
  if (parsed.success) return null;
  const issue = parsed.error.issues[0];
  return `${nameOf(event)}: ${issue?.path.join('.')} ${issue?.message}`;
}

function bringToCurrent(event: LogEvent, check: boolean): void {
  const type: EventType = event.type;
  const version = storedVersion(event.dataschema);
  if (version === null) throw new CorruptCommit(`event ${event.id}: dataschema ${event.dataschema}`);
  if (version > eventSchemas[type].version) {
    throw new CorruptCommit(`event ${event.id}: ${type} version ${version} is newer than this build knows`);
  }
  if (version < eventSchemas[type].version)
    event.data = upcast(type, version, event.data) as typeof event.data;
  if (!check) return;
  const parsed = eventSchemas[type].data.safeParse(event.data);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new CorruptCommit(`event ${event.id}: data.${issue?.path.join('.')} ${issue?.message}`);
  }
}
