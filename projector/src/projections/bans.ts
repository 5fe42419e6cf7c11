import type { Folds } from './fold.ts';
import { storableTime } from './storable-time.ts';

/** Who is banned, also when the ban's time is over: that is judged when it is read. */
export const banFolds: Folds = {
  'member.banned': ({ data, time, actor }, { changes }) => {
    const { userId, until, reason = null } = data;
    changes.bans.set(userId, {
      bannedBy: actor,
      at: time,
      until: until === undefined ? null : storableTime(until),
      reason,
    });
  },
  'member.unbanned': ({ data }, { changes }) => {
    changes.bans.set(data.userId, null);
  },
};
