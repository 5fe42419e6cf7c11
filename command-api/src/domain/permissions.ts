import type { Command, ConversationType, Role } from '@parley/contracts';

/** From most to least. */
export const ROLES: readonly Role[] = ['owner', 'admin', 'moderator', 'member', 'guest'];

/**
 * A role = that role or a higher one; `audience` = guests and higher, and whom a broadcast reaches without membership;
 * `anyone` = members and not; `invited` = whoever has an open invite; `nobody` = this type does not have it.
 */
type Rule = Role | 'audience' | 'anyone' | 'invited' | 'nobody';

/** A command to a conversation that exists. */
export type AddressedCommand = Extract<Command, { data: { conversationId: string } }>;

interface Permission extends Record<ConversationType, Rule> {
  /** Whether it is still possible in an archived conversation. */
  whenArchived: boolean;
}

function row(
  direct: Rule,
  group: Rule,
  channel: Rule,
  broadcast: Rule,
  archived?: 'when archived',
): Permission {
  return { direct, group, channel, broadcast, whenArchived: archived !== undefined };
}

/**
 * Who may do what, by type of conversation. One table, so that it can be read, printed and walked by a test. Not in it:
 * `conversation.create`, which anybody may, and `conversation.expire-messages`, which takes a service's token and no role.
 */
export const permissions: Record<
  Exclude<AddressedCommand['type'], 'conversation.expire-messages'>,
  Permission
> = {
  'conversation.update': row('nobody', 'admin', 'admin', 'admin'),
  'conversation.archive': row('nobody', 'admin', 'admin', 'admin', 'when archived'),
  'conversation.unarchive': row('nobody', 'admin', 'admin', 'admin', 'when archived'),
  'conversation.delete': row('nobody', 'owner', 'owner', 'owner', 'when archived'),
  'conversation.join': row('nobody', 'nobody', 'anyone', 'nobody'),
  'conversation.leave': row('nobody', 'guest', 'guest', 'guest', 'when archived'),
  'members.add': row('nobody', 'moderator', 'moderator', 'admin'),
  'members.remove': row('nobody', 'moderator', 'moderator', 'admin', 'when archived'),
  'members.set-role': row('nobody', 'admin', 'admin', 'admin'),
  'members.ban': row('nobody', 'moderator', 'moderator', 'admin', 'when archived'),
  'members.unban': row('nobody', 'moderator', 'moderator', 'admin', 'when archived'),
  'members.invite': row('nobody', 'moderator', 'moderator', 'admin'),
  'members.accept-invite': row('nobody', 'invited', 'invited', 'invited'),
  'members.decline-invite': row('nobody', 'invited', 'invited', 'invited', 'when archived'),
  'message.send': row('guest', 'guest', 'guest', 'owner'),
  'message.schedule': row('guest', 'guest', 'guest', 'owner'),
  'message.edit': row('guest', 'guest', 'guest', 'guest'),
  'message.delete': row('guest', 'guest', 'guest', 'guest', 'when archived'),
  'message.react': row('guest', 'guest', 'guest', 'audience'),
  'message.unreact': row('guest', 'guest', 'guest', 'audience'),
  'message.pin': row('guest', 'moderator', 'moderator', 'admin'),
  'message.unpin': row('guest', 'moderator', 'moderator', 'admin'),
  'message.report': row('guest', 'guest', 'guest', 'audience', 'when archived'),
  'messages.read': row('guest', 'guest', 'guest', 'audience', 'when archived'),
  'messages.delivered': row('guest', 'guest', 'guest', 'audience', 'when archived'),
  'messages.mark-unread': row('guest', 'guest', 'guest', 'guest', 'when archived'),
  'user.mute': row('guest', 'guest', 'guest', 'audience', 'when archived'),
  'user.unmute': row('guest', 'guest', 'guest', 'audience', 'when archived'),
  'user.archive': row('guest', 'guest', 'guest', 'audience', 'when archived'),
  'user.unarchive': row('guest', 'guest', 'guest', 'audience', 'when archived'),
  'user.pin': row('guest', 'guest', 'guest', 'audience', 'when archived'),
  'user.unpin': row('guest', 'guest', 'guest', 'audience', 'when archived'),
  'user.hide-message': row('guest', 'guest', 'guest', 'audience', 'when archived'),
};

type Privilege = 'mention.all' | 'message.delete-others' | 'read-only.write' | 'slow-mode.exempt';

/** What goes beyond a command: calling everybody, deleting what others wrote, writing where others may not or must wait. */
export const privileges: Record<Privilege, Record<ConversationType, Role | 'nobody'>> = {
  'mention.all': { direct: 'nobody', group: 'member', channel: 'moderator', broadcast: 'nobody' },
  'message.delete-others': {
    direct: 'moderator',
    group: 'moderator',
    channel: 'moderator',
    broadcast: 'admin',
  },
  'read-only.write': {
    direct: 'moderator',
    group: 'moderator',
    channel: 'moderator',
    broadcast: 'moderator',
  },
  'slow-mode.exempt': {
    direct: 'moderator',
    group: 'moderator',
    channel: 'moderator',
    broadcast: 'moderator',
  },
};

/** What neither of the two may do in a direct conversation while one has blocked the other; `message.schedule` is asked when its time comes. */
export const refusedWhenBlocked: ReadonlySet<Command['type']> = new Set<Command['type']>([
  'conversation.create',
  'message.send',
  'message.edit',
  'message.react',
  'message.unreact',
  'message.pin',
  'message.unpin',
]);

const rank = (role: Role): number => ROLES.indexOf(role);

export function atLeast(role: Role, needed: Role): boolean {
  return rank(role) <= rank(needed);
}

/** A moderator or admin rules over lower ranks only; an owner over everybody. */
export function outranks(role: Role, other: Role): boolean {
  return role === 'owner' || rank(role) < rank(other);
}

export function hasPrivilege(privilege: Privilege, type: ConversationType, role: Role): boolean {
  const needed = privileges[privilege][type];
  return needed !== 'nobody' && atLeast(role, needed);
}
