import type { ConversationEventType, EventOf, EventType } from '@parley/contracts';
import type { ConversationChanges } from './changes.ts';

/** Where an event stands, besides what it says itself. */
export interface Place {
  /** The conversation whose changes are being collected. */
  changes: ConversationChanges;
  /** Place of the commit in the log. */
  sequence: number;
}

type Fold<T extends EventType> = (event: EventOf<T>, place: Place) => void;

/** What one table makes of the events of a conversation; a type that is not named changes nothing there. */
export type Folds = { readonly [T in ConversationEventType]?: Fold<T> };

/** For the one table that every event changes: a new event type does not compile until it says how. */
export type TotalFolds = Required<Folds>;

export function applyFold<T extends ConversationEventType>(
  folds: Folds,
  event: EventOf<T>,
  place: Place,
): void {
  const fold: Fold<T> | undefined = folds[event.type];
  fold?.(event, place);
}
