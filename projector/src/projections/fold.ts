import type { EventOf, EventType } from '@parley/contracts';
import type { ConversationChanges } from './changes.ts';

/** Where an event stands, besides what it says itself. */
export interface Place {
  /** The conversation whose changes are being collected. */
  changes: ConversationChanges;
  /** Place of the commit in the log. */
  sequence: number;
}

type Fold<T extends EventType> = (event: EventOf<T>, place: Place) => void;

/** What one table makes of every event type. A new event type does not compile until each table says so. */
export type Folds<T extends EventType> = { readonly [K in T]: Fold<K> | 'ignored' };

/** Every type of a conversation's own events. Cursors name their conversation in each entry and have their own fold. */
export type ConversationEventType = Exclude<EventType, 'cursors.advanced'>;

export function applyFold<T extends ConversationEventType>(
  folds: Folds<ConversationEventType>,
  event: EventOf<T>,
  place: Place,
): void {
  const fold: Fold<T> | 'ignored' = folds[event.type];
  if (fold !== 'ignored') fold(event, place);
}
