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

/** What ended by something in the log, which tells nobody here, goes. */
export function forgetEnded({ attempts }: Following): void {
  for (const [id, { follower }] of attempts) if (follower?.phase === 'ended') attempts.delete(id);
}

/** Whether there are as many others of the kind as there may be, those who wait included and those that ended not. */
export function isFull({ attempts }: Following, conversation: string, { fills }: Attempt): boolean {
  let others = 0;
  for (const [id, other] of attempts) {
    if (id !== conversation && other.fills === fills && other.follower?.phase !== 'ended') others++;
  }
  return others >= SOCKET_LIMITS.subscriptions;
}
