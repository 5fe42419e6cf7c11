import { SOCKET_LIMITS } from '@parley/contracts';
import type { Feed } from './feed.ts';
import type { Follower } from './session/follower.ts';

/** One `sub`: in the line or asked, then attached, then over. */
export interface Attempt {
  /** A replay and no more, as far as one can tell before asking: a member has the rest in their feed. */
  fills: boolean;
  over: boolean;
  follower: Follower<Feed> | null;
}

/** What one socket follows by `sub`. */
export interface Following {
  segments: readonly string[];
  readonly attempts: Map<string, Attempt>;
}

/**
 * Whether there are as many others of the kind, those who wait included. Forgets, on the way, what ended by something in
 * the log.
 */
export function isFull({ attempts }: Following, conversation: string, { fills }: Attempt): boolean {
  let others = 0;
  for (const [id, attempt] of attempts) {
    if (attempt.follower?.phase === 'ended') attempts.delete(id);
    else if (id !== conversation && attempt.fills === fills) others++;
  }
  return others >= SOCKET_LIMITS.subscriptions;
}
