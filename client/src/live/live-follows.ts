import type { SubscriptionItem } from '../connection-model.ts';
import type { Subscription } from '../subscription.ts';

type Follow = 'asked' | 'live' | 'refused';

/** Conversations that are looked at without being a member: each is followed while it is. */
export class LiveFollows {
  readonly #follows = new Map<string, Follow>();

  has(conversationId: string): boolean {
    return this.#follows.has(conversationId);
  }

  isLive(conversationId: string): boolean {
    return this.#follows.get(conversationId) === 'live';
  }

  /** Follows what is visited and nothing else, each from the version that is known. */
  become(visited: ReadonlyMap<string, number>, subscription: Subscription): void {
    for (const id of [...this.#follows.keys()]) {
      if (visited.has(id)) continue;
      this.#follows.delete(id);
      subscription.unfollow(id);
    }
    for (const [id, version] of visited) {
      if (this.#follows.has(id)) continue;
      this.#follows.set(id, 'asked');
      subscription.follow(id, version);
    }
  }

  take(item: SubscriptionItem): void {
    if (item.kind === 'follow-live') this.#note(item.conversation, 'live');
    // Not asked for again before it is left: it would be refused again.
    else if (item.kind === 'follow-refused') this.#note(item.conversation, 'refused');
    else if (item.kind === 'revoked') this.#follows.delete(item.conversation);
  }

  /** The connection is gone: on the next one each has to come live anew. */
  lost(): void {
    for (const [id, follow] of this.#follows) if (follow === 'live') this.#follows.set(id, 'asked');
  }

  #note(conversationId: string, follow: Follow): void {
    if (this.#follows.has(conversationId)) this.#follows.set(conversationId, follow);
  }
}
