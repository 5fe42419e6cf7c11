import type { ConversationState, Invite } from './conversation.ts';

/** When a user's ban ends, in milliseconds since 1970 or Infinity; null when none holds at that time. */
export function banEnd(state: ConversationState, userId: string, at: number): number | null {
  const until = state.bans.get(userId);
  if (until === undefined) return null;
  if (until === null) return Number.POSITIVE_INFINITY;
  return until > at ? until : null;
}

export function openInvite(state: ConversationState, userId: string, at: number): Invite | null {
  const invite = state.invites.get(userId);
  return invite && isOpen(invite, at) ? invite : null;
}

export function isOpen({ expiresAt }: Invite, at: number): boolean {
  return expiresAt === null || expiresAt > at;
}

/** Whether a broadcast reaches the user beyond its members. `segments` are those of the user's token. */
export function inAudience(
  { type, audience }: ConversationState,
  userId: string,
  segments: readonly string[],
): boolean {
  if (type !== 'broadcast' || audience === null) return false;
  switch (audience.kind) {
    case 'all':
      return true;
    case 'segment':
      return segments.includes(audience.segment);
    case 'custom':
      return audience.userIds.includes(userId);
  }
}

/** The newest message that a user cannot have: retention has emptied it, or it was written before they joined. */
export function floorOf(state: ConversationState, userId: string): number {
  const joined = state.settings.historyVisibility === 'joined' ? (state.joinedOrdinals.get(userId) ?? 0) : 0;
  return Math.max(state.expiredOrdinal, joined);
}
