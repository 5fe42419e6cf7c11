import type { OwnPresence } from '@parley/contracts';
import type { ParleyClient } from '../client.ts';
import type { SubscriptionItem, TypingSignal } from '../connection-model.ts';
import { monotonicNow, timerUntil } from '../monotonic-now.ts';
import { LiveFeed } from './live-feed.ts';
import { LiveFollows } from './live-follows.ts';
import { LiveModels } from './live-models.ts';
import { LivePresence } from './live-presence.ts';
import { LiveSends } from './live-sends.ts';
import {
  expireTyping,
  nextExpiry,
  type TypingState,
  takeSpoken,
  takeTyping,
  typersIn,
} from './typing-state.ts';

interface Listened {
  /** Otherwise it is only kept in case that somebody comes back. */
  readonly isListened: boolean;
}

/** What there is while somebody looks: one subscription, and everything that is derived from it. */
export class LiveSession {
  readonly feed: LiveFeed;
  readonly models: LiveModels;
  readonly sends: LiveSends;
  readonly presence = new LivePresence();
  /** The users of each view of presences that is open, oldest first. */
  readonly watched = new Map<Listened, readonly string[]>();
  readonly #follows = new LiveFollows();
  readonly #changed: () => void;
  #typing: TypingState = new Map();
  /** Where the user has begun to type. */
  readonly #typesIn = new Set<string>();
  #typingTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(client: ParleyClient, presence: OwnPresence, changed: () => void) {
    this.#changed = changed;
    this.feed = new LiveFeed({
      client,
      presence,
      changed: () => this.#lookAtConnection(),
      item: (item) => this.#take(item),
      typing: (signal) => this.#hear(signal),
      seen: (presences) => {
        this.presence.take(presences);
        changed();
      },
    });
    this.sends = new LiveSends(client.outbox, {
      changed,
      // A message is the end of its typing: the next key begins anew, and is said at once.
      sent: (conversationId) => {
        if (this.#typesIn.has(conversationId)) this.sayTyping(conversationId, false);
      },
    });
    this.models = new LiveModels({ client, feed: this.feed, sends: this.sends, changed });
  }

  stop(): void {
    this.feed.stop();
    this.sends.stop();
    if (this.#typingTimer) clearTimeout(this.#typingTimer);
  }

  sayTyping(conversationId: string, on: boolean): void {
    this.feed.subscription?.typing(conversationId, on);
    if (on) this.#typesIn.add(conversationId);
    else this.#typesIn.delete(conversationId);
  }

  typersIn(conversationId: string): readonly string[] {
    return typersIn(this.#typing, conversationId);
  }

  /** Whether commits of a conversation come as they happen: which way they come is known once it is loaded. */
  isLive(conversationId: string): boolean {
    if (this.feed.state !== 'fresh') return false;
    const isMember = this.models.isMember(conversationId);
    return isMember === null ? false : isMember || this.#follows.isLive(conversationId);
  }

  /** Asks the gateway for what is looked at now; once for all that came in together. */
  settle(): void {
    this.sends.settle((id, messageId) => this.models.lacksMessage(id, messageId));
    const { subscription } = this.feed;
    if (!subscription) return;
    this.#follows.become(this.models.visited(), subscription);
    this.presence.watch(this.#wantedUsers(), subscription);
  }

  /** Those that somebody looks at first, then the newest: not all of them may be watched. */
  #wantedUsers(): readonly string[] {
    const newest = [...this.watched].reverse();
    const looked = newest.filter(([view]) => view.isListened);
    const kept = newest.filter(([view]) => !view.isListened);
    return [...looked, ...kept].flatMap(([, users]) => users);
  }

  #lookAtConnection(): void {
    if (this.feed.state !== 'fresh') {
      this.presence.lost();
      this.#follows.lost();
    }
    this.#changed();
  }

  #take(item: SubscriptionItem): void {
    this.#follows.take(item);
    switch (item.kind) {
      case 'commit':
      case 'followed':
        this.sends.take(item.commit);
        this.#typing = takeSpoken(this.#typing, item.commit);
        this.models.take(item.commit, (id) => this.#follows.has(id));
        break;
      case 'reset':
        if (item.conversation !== undefined) this.models.cutOffConversation(item.conversation);
        else this.models.cutOff(item.reason === 'epoch');
        break;
      case 'revoked':
        this.models.cutOffConversation(item.conversation);
        break;
      case 'follow-live':
        this.models.hurryConversation(item.conversation);
        break;
      case 'follow-refused':
        if (item.code !== 'limit-reached') this.models.cutOffConversation(item.conversation);
        break;
    }
    this.#changed();
  }

  #hear(signal: TypingSignal): void {
    this.#typing = takeTyping(this.#typing, signal, monotonicNow());
    this.#changed();
    this.#awaitExpiry();
  }

  /** A timer that is early looks again, so that a renewed notice costs none. */
  #awaitExpiry(): void {
    const at = nextExpiry(this.#typing);
    if (at === null || this.#typingTimer) return;
    this.#typingTimer = setTimeout(() => {
      this.#typingTimer = null;
      this.#typing = expireTyping(this.#typing, monotonicNow());
      this.#changed();
      this.#awaitExpiry();
    }, timerUntil(at));
  }
}
