import type { RecordedEvent } from '@parley/contracts';
import { isKnown } from '@parley/contracts';
import { ExpectedFeed } from './expected-feed.ts';
import { membershipIn } from './membership.ts';
import type { FoldedConversation } from './naive-fold.ts';
import type { Received } from './received.ts';

export interface HeardBy {
  userId: string;
  received: Received;
  startedAfter: number;
}

/** Compares what all sockets were sent with the log, in two walks over it. */
export class FeedCheck {
  readonly feeds: readonly ExpectedFeed[];
  readonly #byUser = new Map<string, ExpectedFeed>();
  /** Conversation → feeds whose users were ever in it: nobody else can be expected to be shown anything of it. */
  readonly #concerned = new Map<string, Set<ExpectedFeed>>();

  constructor(listeners: readonly HeardBy[], final: ReadonlyMap<string, FoldedConversation>) {
    this.feeds = listeners.map((listener) => new ExpectedFeed({ ...listener, final }));
    for (const feed of this.feeds) this.#byUser.set(feed.userId, feed);
  }

  noteMemberships(sequence: number, events: readonly RecordedEvent[]): void {
    for (const event of events) {
      if (!isKnown(event)) continue;
      const { conversationId, joined } = membershipIn(event);
      for (const userId of joined) {
        const feed = this.#byUser.get(userId);
        if (!feed) continue;
        feed.noteJoin(conversationId, sequence);
        const concerned = this.#concerned.get(conversationId);
        if (concerned) concerned.add(feed);
        else this.#concerned.set(conversationId, new Set([feed]));
      }
    }
  }

  compare(sequence: number, events: readonly RecordedEvent[]): void {
    const feeds = new Set<ExpectedFeed>();
    for (const conversationId of conversationsOf(events)) {
      for (const feed of this.#concerned.get(conversationId) ?? []) feeds.add(feed);
    }
    for (const feed of feeds) feed.compare(sequence, events);
  }
}

/** Whom a commit may concern. */
export function conversationsOf(events: readonly RecordedEvent[]): Set<string> {
  const ids = new Set<string>();
  for (const event of events) {
    if (!isKnown(event)) continue;
    if (event.type !== 'cursors.advanced') ids.add(membershipIn(event).conversationId);
    else for (const entry of event.data.entries) ids.add(entry.conversationId);
  }
  return ids;
}
