import { dataschemaOf, isKnown, type RecordedEvent, type StoredEvent } from '@parley/contracts';
import { bytesOf, concat } from './bytes.ts';

const CLOSE = bytesOf('}');
const decoder = new TextDecoder();

/** A commit, or the part of it that some users see, as the bytes `{"seq":…,"events":[…]}`. Shared by every socket. */
export interface Item {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** The stored bytes are the JSON that clients get, unless an old schema version was upcast on the way. */
export function storedItem(sequence: number, payload: Uint8Array, events: RecordedEvent[]): Item {
  const outdated = events.filter((event) => isKnown(event) && event.dataschema !== dataschemaOf(event.type));
  if (outdated.length === 0) return { sequence, bytes: wrap(sequence, payload) };
  for (const event of outdated) if (isKnown(event)) event.dataschema = dataschemaOf(event.type);
  return encodeItem(sequence, events);
}

export function encodeItem(sequence: number, events: readonly unknown[]): Item {
  return { sequence, bytes: wrap(sequence, bytesOf(JSON.stringify(events))) };
}

/** The events of an item, decoded anew: commits are kept as bytes, since nearly none is ever looked into again. */
export function eventsOf(item: Item): StoredEvent[] {
  return (JSON.parse(decoder.decode(item.bytes)) as { events: StoredEvent[] }).events;
}

/** As `eventsOf`, of an item that holds a whole commit as it is stored. */
export function recordedEvents(item: Item): RecordedEvent[] {
  return eventsOf(item) as unknown as RecordedEvent[];
}

function wrap(sequence: number, events: Uint8Array): Uint8Array {
  return concat([bytesOf(`{"seq":${sequence},"events":`), events, CLOSE]);
}
