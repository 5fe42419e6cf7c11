import {
  type Audience,
  type Command,
  type ConversationEvent,
  type ConversationType,
  DEFAULT_SETTINGS,
  directConversationId,
  type EventData,
  type LogEvent,
  type Role,
  type Settings,
} from '@parley/contracts';
import { Map as ImmutableMap, Set as ImmutableSet, OrderedMap, OrderedSet } from 'immutable';
import { banned, invited, withMembers, withoutMembers, withRole } from './evolve-members.ts';
import { deleted, expired, lowered, reacted, sent } from './evolve-messages.ts';

export interface Invite {
  role: Role;
  /** Milliseconds since 1970; null = open until answered. */
  expiresAt: number | null;
}

/** A part of the settings, as commands and events carry it. */
export type SettingsChanges = NonNullable<EventData<'conversation.updated'>['settings']>;

export interface Lowering {
  ordinal: number;
  version: number;
}

/**
 * What deciding needs to know of a conversation, bounded by its members, bans and a constant, however long its history
 * is. Persistent: evolve copies nothing big.
 */
export interface ConversationState {
  /** Null until it exists. */
  type: ConversationType | null;
  title: string | null;
  description: string | null;
  avatar: string | null;
  settings: Settings;
  /** Broadcasts only. */
  audience: Audience | null;
  archived: boolean;
  deleted: boolean;
  roles: ImmutableMap<string, Role>;
  owners: number;
  /** Message count when a member joined; founders and whoever came before the first message have no entry. */
  joinedOrdinals: ImmutableMap<string, number>;
  messageCount: number;
  /** How many of the messages are thread replies. */
  replyCount: number;
  /** Retention has emptied the messages up to this one. */
  expiredOrdinal: number;
  /** The newest deletions. */
  deletedOrdinals: OrderedSet<number>;
  /** User to the end of the ban in milliseconds since 1970, null = for ever. Those that are over count as absent. */
  bans: ImmutableMap<string, number | null>;
  invites: ImmutableMap<string, Invite>;
  pinnedOrdinals: ImmutableSet<number>;
  /** The newest changes of a reaction, by `reactionKey`: whether it is there since. */
  reactions: OrderedMap<string, boolean>;
  /** Milliseconds since 1970, oldest first; only while slow mode is on, and no longer back than it reaches. */
  lastSentAt: OrderedMap<string, number>;
  /** The newest lowerings of members' read cursors, one each, oldest first. */
  lowered: OrderedMap<string, Lowering>;
  /** Version of the newest lowering that is not among them; 0 = there is none. */
  loweredForgotten: number;
}

export const initialConversation: ConversationState = {
  type: null,
  title: null,
  description: null,
  avatar: null,
  settings: DEFAULT_SETTINGS,
  audience: null,
  archived: false,
  deleted: false,
  roles: ImmutableMap(),
  owners: 0,
  joinedOrdinals: ImmutableMap(),
  messageCount: 0,
  replyCount: 0,
  expiredOrdinal: 0,
  deletedOrdinals: OrderedSet(),
  bans: ImmutableMap(),
  invites: ImmutableMap(),
  pinnedOrdinals: ImmutableSet(),
  reactions: OrderedMap(),
  lastSentAt: OrderedMap(),
  lowered: OrderedMap(),
  loweredForgotten: 0,
};

/**
 * The conversation that a command addresses, null when it belongs to none. Direct conversations have one id whoever
 * creates them.
 */
export function conversationOf(command: Command): string | null {
  if (command.type !== 'conversation.create') {
    return 'conversationId' in command.data ? command.data.conversationId : null;
  }
  const other = command.data.members.find((member) => member.userId !== command.actor);
  if (command.data.type === 'direct' && other) return directConversationId(command.actor, other.userId);
  return command.data.conversationId ?? command.id;
}

/** `changes` names a part; what it leaves out, or gives as undefined, stays. */
export function mergedSettings(settings: Settings, changes: SettingsChanges = {}): Settings {
  const {
    slowModeSeconds = settings.slowModeSeconds,
    historyVisibility = settings.historyVisibility,
    readOnly = settings.readOnly,
    retentionDays = settings.retentionDays,
    editWindowSeconds = settings.editWindowSeconds,
    receipts = settings.receipts,
  } = changes;
  return { slowModeSeconds, historyVisibility, readOnly, retentionDays, editWindowSeconds, receipts };
}

/** Entries held: a member, a ban or a remembered reaction is one each. */
export function weightOf(state: ConversationState): number {
  const { roles, joinedOrdinals, deletedOrdinals, bans, invites, pinnedOrdinals } = state;
  const people = roles.size + joinedOrdinals.size + bans.size + invites.size + state.lowered.size;
  const listed = state.audience?.kind === 'custom' ? state.audience.userIds.length : 0;
  const messages = deletedOrdinals.size + pinnedOrdinals.size + state.reactions.size;
  return 1 + people + listed + messages + state.lastSentAt.size;
}

export function evolveConversation(state: ConversationState, event: ConversationEvent): ConversationState {
  switch (event.type) {
    case 'conversation.created':
      return created(state, event.data);
    case 'conversation.updated':
      return updated(state, event.data);
    case 'conversation.archived':
      return { ...state, archived: true };
    case 'conversation.unarchived':
      return { ...state, archived: false };
    case 'conversation.deleted':
      return { ...state, deleted: true };
    case 'members.added':
      return withMembers(state, event.data.members, event.data.ordinal);
    case 'member.left':
      return withoutMembers(state, [event.data.userId]);
    case 'members.removed':
      return withoutMembers(state, event.data.userIds);
    case 'member.role-changed':
      return withRole(state, event.data);
    case 'member.banned':
      return banned(state, event);
    case 'member.unbanned':
      return { ...state, bans: state.bans.delete(event.data.userId) };
    case 'member.invited':
      return invited(state, event);
    case 'invite.declined':
      return { ...state, invites: state.invites.delete(event.data.userId) };
    case 'invite.revoked':
      return { ...state, invites: state.invites.deleteAll(event.data.userIds) };
    case 'message.sent':
      return sent(state, event);
    case 'message.edited':
      return state;
    case 'message.deleted':
      return deleted(state, event.data.ordinal);
    case 'messages.expired':
      return expired(state, event.data.throughOrdinal);
    case 'reaction.added':
    case 'reaction.removed':
      return reacted(state, event);
    case 'message.pinned':
      return { ...state, pinnedOrdinals: state.pinnedOrdinals.add(event.data.ordinal) };
    case 'message.unpinned':
      return { ...state, pinnedOrdinals: state.pinnedOrdinals.delete(event.data.ordinal) };
    case 'cursor.lowered':
      return lowered(state, event);
  }
}

function created(state: ConversationState, data: EventData<'conversation.created'>): ConversationState {
  const { type, title = null, description = null, audience = null, settings } = data;
  return withMembers({ ...state, type, title, description, audience, settings }, data.members, 0);
}

function updated(state: ConversationState, data: EventData<'conversation.updated'>): ConversationState {
  const { title = state.title, description = state.description, avatar = state.avatar } = data;
  const settings = mergedSettings(state.settings, data.settings);
  // Nobody is held to a rule that no longer is: with slow mode off, who wrote when is forgotten.
  const lastSentAt = settings.slowModeSeconds > 0 ? state.lastSentAt : state.lastSentAt.clear();
  return { ...state, title, description, avatar, settings, lastSentAt };
}

/** The answer to the command that made these events: a retry gets it from the log, however much later. */
export function resultOf(conversationId: string, events: readonly LogEvent[]): unknown {
  const [event] = events;
  switch (event?.type) {
    case 'conversation.created':
      return { conversationId, created: true };
    case 'members.added':
      return event.data.via === 'add'
        ? { added: event.data.members.map((member) => member.userId) }
        : { role: event.data.members[0]?.role };
    case 'members.removed':
    case 'invite.revoked':
      return { removed: events.flatMap((each) => ('userIds' in each.data ? each.data.userIds : [])) };
    case 'member.invited':
      return { invited: event.data.userIds };
    case 'message.sent':
      return { messageId: event.data.messageId, ordinal: event.data.ordinal };
    case 'messages.expired':
      return { throughOrdinal: event.data.throughOrdinal };
    case 'cursor.lowered':
      return { ordinal: event.data.ordinal };
    default:
      return {};
  }
}
