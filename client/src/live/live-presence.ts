import { type SeenPresence, SOCKET_LIMITS } from '@parley/contracts';
import type { Subscription } from '../subscription.ts';

export type Presences = ReadonlyMap<string, SeenPresence>;

/** What is known of the users that are looked at; of the others, and while there is no connection, `unknown`. */
export class LivePresence {
  #watched: readonly string[] = [];
  #seen = new Map<string, SeenPresence>();

  /** The first of them when they are too many. */
  watch(users: Iterable<string>, subscription: Subscription): void {
    const wanted = [...new Set(users)].slice(0, SOCKET_LIMITS.watchedUsers).sort();
    if (sameList(wanted, this.#watched)) return;
    this.#watched = wanted;
    this.#seen = new Map([...this.#seen].filter(([user]) => wanted.includes(user)));
    subscription.watch(wanted);
  }

  take(presences: readonly SeenPresence[]): void {
    for (const presence of presences) this.#seen.set(presence.user, presence);
  }

  /** The connection is gone: nobody tells of changes before the next one has said how everybody is. */
  lost(): void {
    this.#seen.clear();
  }

  /** The same object while the users are in the same states. */
  of(users: readonly string[], before: Presences): Presences {
    const now = users.map((user) => this.#seen.get(user) ?? unknownAs(before.get(user), user));
    const same = users.length === before.size && now.every((each) => before.get(each.user) === each);
    return same ? before : new Map(now.map((each) => [each.user, each]));
  }
}

/** The old one when it says the same. */
function unknownAs(before: SeenPresence | undefined, user: string): SeenPresence {
  return before?.state === 'unknown' ? before : unknownPresence(user);
}

export function unknownPresence(user: string): SeenPresence {
  return { user, state: 'unknown' };
}

export function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}
