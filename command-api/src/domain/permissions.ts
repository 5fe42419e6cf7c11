import type { CommandType, ConversationType, Role } from '@parley/contracts';

/** From most to least. */
export const ROLES: readonly Role[] = ['owner', 'admin', 'moderator', 'member', 'guest'];

/** A role = that role or a higher one; `anyone` = members and not; `nobody` = this type does not have it. */
type Rule = Role | 'anyone' | 'nobody';

/**
 * Who may do what, by type of conversation. One table, so that it can be read, printed and walked by a test.
 * Deleting somebody else's message and changing members of one's own rank have their own rows below.
 */
export const permissions: Record<
  Exclude<CommandType, 'conversation.create'>,
  Record<ConversationType, Rule>
> = {
  'conversation.join': { direct: 'nobody', group: 'nobody', channel: 'anyone' },
  'conversation.leave': { direct: 'nobody', group: 'guest', channel: 'guest' },
  'members.add': { direct: 'nobody', group: 'moderator', channel: 'moderator' },
  'members.remove': { direct: 'nobody', group: 'moderator', channel: 'moderator' },
  'message.send': { direct: 'guest', group: 'guest', channel: 'guest' },
  'message.edit': { direct: 'guest', group: 'guest', channel: 'guest' },
  'message.delete': { direct: 'guest', group: 'guest', channel: 'guest' },
  'messages.read': { direct: 'guest', group: 'guest', channel: 'guest' },
};

/** From this role on one may delete what others wrote. */
export const DELETES_OTHERS_MESSAGES: Role = 'moderator';

const rank = (role: Role): number => ROLES.indexOf(role);

export function atLeast(role: Role, needed: Role): boolean {
  return rank(role) <= rank(needed);
}

/** A moderator or admin rules over lower ranks only; an owner over everybody. */
export function outranks(role: Role, other: Role): boolean {
  return role === 'owner' || rank(role) < rank(other);
}
