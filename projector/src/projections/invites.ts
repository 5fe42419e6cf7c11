import type { Folds } from './fold.ts';
import { storableTime } from './storable-time.ts';

/** Open invites; one ends with its answer, and with the membership however that came about. */
export const inviteFolds: Folds = {
  'member.invited': ({ data, time, actor }, { changes, sequence }) => {
    const { role, expiresAt } = data;
    const invite = {
      role,
      invitedBy: actor,
      at: time,
      expiresAt: expiresAt === undefined ? null : storableTime(expiresAt),
      sequence,
    };
    for (const userId of data.userIds) changes.invites.set(userId, invite);
  },
  'members.added': ({ data }, { changes }) => {
    for (const { userId } of data.members) changes.invites.set(userId, null);
  },
  'invite.declined': ({ data }, { changes }) => {
    changes.invites.set(data.userId, null);
  },
  'invite.revoked': ({ data }, { changes }) => {
    for (const userId of data.userIds) changes.invites.set(userId, null);
  },
};
