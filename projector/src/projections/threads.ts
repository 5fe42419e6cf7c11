import type { ConversationChanges, FollowerChange } from './changes.ts';
import type { Folds } from './fold.ts';

/** One row per thread, begun by its first reply. Replies that are deleted still count here. */
export const threadFolds: Folds = {
  'message.sent': ({ data, time }, { changes, sequence }) => {
    if (data.threadOrdinal === undefined) return;
    const replies = (changes.threads.get(data.threadOrdinal)?.replies ?? 0) + 1;
    changes.threads.set(data.threadOrdinal, {
      replies,
      lastReplyOrdinal: data.ordinal,
      lastReplyAt: time,
      lastReplySequence: sequence,
    });
  },
};

/** Who follows a thread: the root's author, whoever writes in it, and who a reply names when it is sent. */
export const followerFolds: Folds = {
  'message.sent': ({ data, actor }, { changes }) => {
    const { threadOrdinal, threadAuthor, ordinal } = data;
    if (threadOrdinal === undefined) return;
    if (threadAuthor !== undefined) follow(changes, threadOrdinal, threadAuthor, threadOrdinal);
    follow(changes, threadOrdinal, actor, ordinal);
    raiseFollower(changes, threadOrdinal, actor, ordinal);
    for (const userId of data.mentions.users) follow(changes, threadOrdinal, userId, ordinal - 1);
  },
};

/** Raises the cursor of whoever follows the thread by then; void for others. */
export function raiseFollower(
  changes: ConversationChanges,
  threadOrdinal: number,
  userId: string,
  ordinal: number,
): FollowerChange {
  const change = followerOf(changes, threadOrdinal, userId);
  change.raisedTo = Math.max(change.raisedTo, ordinal);
  if (change.followedFrom !== null) change.readOrdinal = Math.max(change.readOrdinal, ordinal);
  return change;
}

function follow(
  changes: ConversationChanges,
  threadOrdinal: number,
  userId: string,
  followedFrom: number,
): void {
  const change = followerOf(changes, threadOrdinal, userId);
  if (change.followedFrom !== null) return;
  change.followedFrom = followedFrom;
  change.readOrdinal = followedFrom;
}

function followerOf(
  { followers }: ConversationChanges,
  threadOrdinal: number,
  userId: string,
): FollowerChange {
  const key = `${threadOrdinal} ${userId}`;
  let change = followers.get(key);
  if (!change) {
    const begun = { followedFrom: null, readOrdinal: 0, raisedTo: 0, cursorSequence: 0 };
    change = { ordinal: threadOrdinal, userId, ...begun };
    followers.set(key, change);
  }
  return change;
}
