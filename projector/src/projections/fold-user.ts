import { isKnown, isUserEvent, type RecordedEvent, userToken } from '@parley/contracts';
import { MisplacedEvent } from './misplaced-event.ts';
import { type UserChanges, userChangesOf } from './user-changes.ts';
import { foldUserEvent } from './user-folds.ts';

const SUBJECT_PREFIX = 'user/';

/**
 * Merges a commit of the user with this subject token into the changes; its events' versions have been checked. `isNew`:
 * nothing of this user is applied, whatever the version, because the first commits may be skipped. Throws MisplacedEvent
 * for what is not of this user.
 */
export function foldUser(
  events: readonly RecordedEvent[],
  token: string,
  sequence: number,
  users: Map<string, UserChanges>,
  isNew: boolean,
): void {
  for (const event of events) {
    const version = event.version ?? 0;
    const user = userChangesOf(users, userIdOf(event, token), isNew);
    // Every event moves the version, also one of a type that this build does not know.
    user.version = version;
    user.sequence = sequence;
    if (isUserEvent(event)) foldUserEvent(event, user, sequence);
    else if (isKnown(event)) throw new MisplacedEvent(event, 'a user');
  }
}

/** A service may act for a user, so the actor does not tell whose event it is. */
function userIdOf(event: RecordedEvent, token: string): string {
  const userId = event.subject.slice(SUBJECT_PREFIX.length);
  if (!event.subject.startsWith(SUBJECT_PREFIX) || userToken(userId) !== token) {
    throw new MisplacedEvent(event, `user ${token}`);
  }
  return userId;
}
