import type { CommandOf, EventData, Role } from '@parley/contracts';
import type { ConversationState } from './conversation.ts';
import { accept, type Decision, type NewEvent, reject, rejectField } from './decider.ts';
import { outranks } from './permissions.ts';
import { banEnd, openInvite } from './standing.ts';

type Via = EventData<'members.added'>['via'];

/** `members` are not in yet. The event says where they begin to read and how many there are with them. */
export function membersAdded(
  { roles, messageCount }: ConversationState,
  members: EventData<'members.added'>['members'],
  via: Via,
): NewEvent {
  const memberCount = roles.size + members.length;
  return { type: 'members.added', data: { members, via, ordinal: messageCount, memberCount } };
}

export function join(state: ConversationState, actor: string): Decision {
  const role = state.roles.get(actor);
  if (role) return accept<'conversation.join'>([], { role });
  const event = membersAdded(state, [{ userId: actor, role: 'member' }], 'join');
  return accept<'conversation.join'>([event], { role: 'member' });
}

export function leave(state: ConversationState, actor: string): Decision {
  const role = state.roles.get(actor);
  if (!role) return accept<'conversation.leave'>([], {});
  if (role === 'owner' && state.owners === 1) return reject('last-owner');
  return accept<'conversation.leave'>([{ type: 'member.left', data: { userId: actor } }], {});
}

export function addMembers(
  state: ConversationState,
  { actor, at, data }: CommandOf<'members.add'>,
): Decision {
  const faults = data.members.flatMap(({ userId }, index) =>
    banEnd(state, userId, at) === null ? [] : [bannedAt(`members.${index}.userId`)],
  );
  if (faults.length > 0) return reject('invalid-request', { errors: faults });
  const added = [...new Map(data.members.map((member) => [member.userId, member])).values()].filter(
    (member) => !state.roles.has(member.userId),
  );
  const result = { added: added.map((member) => member.userId) };
  if (added.length === 0) return accept<'members.add'>([], result);
  const tooHigh = added.find((member) => !outranks(roleOf(state, actor), member.role));
  if (tooHigh) return forbidGiving(tooHigh.role);
  return accept<'members.add'>([membersAdded(state, added, 'add')], result);
}

export function bannedAt(path: string): { path: string; message: string } {
  return { path, message: 'is banned; unban first' };
}

/** Open invites of the ones named go as well, and count as removed: whoever is shown out has no key left. */
export function removeMembers(
  state: ConversationState,
  { actor, at, data }: CommandOf<'members.remove'>,
): Decision {
  const named = [...new Set(data.userIds)];
  if (named.includes(actor)) return rejectField('userIds', 'to go yourself, send conversation.leave');
  const members = named.filter((userId) => state.roles.has(userId));
  const invited = named.filter((userId) => openInvite(state, userId, at) !== null);
  if ([...members, ...invited].some((userId) => !rulesOver(state, actor, userId, at))) return forbidTaking();
  const reason = data.reason === undefined ? {} : { reason: data.reason };
  const events: NewEvent[] = [];
  if (members.length > 0) events.push({ type: 'members.removed', data: { userIds: members, ...reason } });
  if (invited.length > 0) events.push({ type: 'invite.revoked', data: { userIds: invited } });
  return accept<'members.remove'>(events, { removed: [...members, ...invited] });
}

export function setRole(
  state: ConversationState,
  { actor, at, data }: CommandOf<'members.set-role'>,
): Decision {
  const { userId, role: to } = data;
  const from = state.roles.get(userId);
  if (!from) return rejectField('userId', 'is not a member');
  if (from === to) return accept<'members.set-role'>([], {});
  if (!rulesOver(state, actor, userId, at)) return forbidTaking();
  if (!outranks(roleOf(state, actor), to)) return forbidGiving(to);
  if (from === 'owner' && state.owners === 1) return reject('last-owner');
  return accept<'members.set-role'>([{ type: 'member.role-changed', data: { userId, from, to } }], {});
}

/** What a ban comes to depends on the moment: one that holds already, to the same end, changes nothing. */
export function ban(state: ConversationState, { actor, at, data }: CommandOf<'members.ban'>): Decision {
  const { userId, until, reason } = data;
  if (userId === actor) return rejectField('userId', 'nobody bans themselves');
  const end = until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until);
  if (!(end > at)) return rejectField('until', 'must be in the future');
  if (!rulesOver(state, actor, userId, at)) return forbidTaking();
  if (banEnd(state, userId, at) === end) return accept<'members.ban'>([], {});
  const role = state.roles.get(userId);
  const event: NewEvent = {
    type: 'member.banned',
    data: {
      userId,
      ...(role && { role }),
      ...(until !== undefined && { until }),
      ...(reason !== undefined && { reason }),
    },
  };
  const revoked: NewEvent = { type: 'invite.revoked', data: { userIds: [userId] } };
  return accept<'members.ban'>(openInvite(state, userId, at) ? [event, revoked] : [event], {});
}

export function unban(state: ConversationState, { at, data }: CommandOf<'members.unban'>): Decision {
  const { userId } = data;
  if (banEnd(state, userId, at) === null) return accept<'members.unban'>([], {});
  return accept<'members.unban'>([{ type: 'member.unbanned', data: { userId } }], {});
}

/** Whether the actor outranks what somebody is here, or was invited to be; strangers are below everybody. */
function rulesOver(state: ConversationState, actor: string, userId: string, at: number): boolean {
  const role = state.roles.get(userId) ?? openInvite(state, userId, at)?.role;
  return role === undefined || outranks(roleOf(state, actor), role);
}

export function roleOf({ roles }: ConversationState, actor: string): Role {
  return roles.get(actor) ?? 'guest';
}

export function forbidGiving(role: Role): Decision {
  return reject('forbidden', { detail: `Giving the role ${role} needs a higher one, or owner.` });
}

function forbidTaking(): Decision {
  return reject('forbidden', { detail: 'Somebody named has your role or a higher one.' });
}
