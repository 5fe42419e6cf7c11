import type { ConversationScript } from './conversation-script.ts';
import type { Item, Person, SkippedItem } from './item.ts';

/** A stretch of a conversation, or all of it. */
export interface Job {
  script: ConversationScript;
  items: AsyncIterable<Item> | Iterable<Item>;
  first: boolean;
  last: boolean;
}

/** Jobs of different conversations, which may be done at the same time. */
export interface Round {
  jobs: readonly Job[];
  /** What is known not to become a part of any conversation. */
  skipped: readonly SkippedItem[];
}

/** What is imported. */
export interface ImportSource {
  readonly people: readonly Person[];
  /** Whether `rounds` can be asked for more than once. */
  readonly rereadable: boolean;
  /** A round begins when the one before it is done. Reads as it goes; every call begins anew. */
  rounds(): AsyncIterable<Round>;
  close(): Promise<void>;
}
