import { auditFolds } from './audit.ts';
import { banFolds } from './bans.ts';
import { conversationFolds } from './conversations.ts';
import type { Folds } from './fold.ts';
import { inviteFolds } from './invites.ts';
import { memberFolds } from './members.ts';
import { membershipFolds } from './memberships.ts';
import { mentionFolds } from './mentions.ts';
import { messageFolds } from './messages.ts';
import { pinFolds } from './pins.ts';
import { reactionFolds } from './reactions.ts';
import { followerFolds, threadFolds } from './threads.ts';

/** What every table of the conversation lanes makes of an event; their order does not matter. */
export const conversationTableFolds: readonly Folds[] = [
  conversationFolds,
  memberFolds,
  membershipFolds,
  banFolds,
  inviteFolds,
  messageFolds,
  mentionFolds,
  reactionFolds,
  pinFolds,
  threadFolds,
  followerFolds,
  auditFolds,
];

export { foldCursor } from './cursors.ts';
