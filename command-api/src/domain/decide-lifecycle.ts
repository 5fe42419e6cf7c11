import {
  type CommandData,
  type CommandOf,
  commandIdSchema,
  DEFAULT_SETTINGS,
  type EventData,
  type Settings,
} from '@parley/contracts';
import {
  type ConversationState,
  conversationOf,
  mergedSettings,
  type SettingsChanges,
} from './conversation.ts';
import { accept, type Decision, type Facts, type NewEvent, reject, rejectField } from './decider.ts';

/** How far one command may move the end of what retention has emptied: a fold clears that many texts in one transaction. */
const MAX_EXPIRED_AT_ONCE = 5_000;

export function create(
  state: ConversationState,
  command: CommandOf<'conversation.create'>,
  facts: Facts,
): Decision {
  const { actor, data } = command;
  const conversationId = conversationOf(command) ?? command.id;
  const fault = data.type === 'direct' ? directFault(actor, data, conversationId) : idFault(data);
  if (fault) return fault;
  const misplaced = audienceFault(data);
  if (misplaced) return misplaced;
  if (facts.blocked) return reject('blocked');
  if (state.type !== null) return createdBefore(state, actor, conversationId);
  const { type, title, description, audience } = data;
  const event: NewEvent = {
    type: 'conversation.created',
    data: {
      type,
      ...(title && { title }),
      ...(description && { description }),
      members: founders(actor, data),
      ...(audience && { audience }),
      settings: mergedSettings(DEFAULT_SETTINGS, data.settings),
    },
  };
  return accept<'conversation.create'>([event], { conversationId, created: true });
}

function createdBefore(state: ConversationState, actor: string, conversationId: string): Decision {
  if (!state.roles.has(actor)) return reject('not-found');
  if (state.deleted) return reject('conversation-deleted');
  return accept<'conversation.create'>([], { conversationId, created: false });
}

/** The creator owns it, whatever role the list gives them; of two entries for one user the last one counts. */
function founders(
  actor: string,
  { type, members }: CommandData<'conversation.create'>,
): EventData<'conversation.created'>['members'] {
  const others = [...new Map(members.map((member) => [member.userId, member])).values()].filter(
    (member) => member.userId !== actor,
  );
  if (type !== 'direct') return [{ userId: actor, role: 'owner' }, ...others];
  return [actor, ...others.map((member) => member.userId)].map((userId) => ({ userId, role: 'member' }));
}

function idFault({ conversationId }: CommandData<'conversation.create'>): Decision | null {
  // A direct conversation's id can be computed by anybody: whoever made a group of that id would own the place where
  // two others are going to talk.
  const fits = conversationId === undefined || commandIdSchema.safeParse(conversationId).success;
  return fits ? null : rejectField('conversationId', 'must be a lower-case UUIDv7');
}

function directFault(
  actor: string,
  { members, conversationId: asked, title, description, settings }: CommandData<'conversation.create'>,
  conversationId: string,
): Decision | null {
  const others = new Set(members.map((member) => member.userId).filter((userId) => userId !== actor));
  if (others.size === 0 && members.length > 0) return reject('self-message');
  if (others.size !== 1) {
    return rejectField('members', 'a direct conversation names exactly one other user');
  }
  if (asked && asked !== conversationId) {
    return rejectField('conversationId', `the direct conversation of these two is ${conversationId}`);
  }
  if (title !== undefined) return rejectField('title', 'a direct conversation has none');
  if (description !== undefined) return rejectField('description', 'a direct conversation has none');
  // Both are plain members and nobody updates it: whoever came first could silence it for good.
  if (settings?.readOnly) return rejectField('settings.readOnly', 'a direct conversation has no moderators');
  if (settings?.slowModeSeconds) {
    return rejectField('settings.slowModeSeconds', 'a direct conversation has no moderators');
  }
  return null;
}

function audienceFault({ type, audience }: CommandData<'conversation.create'>): Decision | null {
  if (type === 'broadcast') return audience ? null : rejectField('audience', 'a broadcast needs one');
  return audience ? rejectField('audience', 'is for broadcasts') : null;
}

export function update(state: ConversationState, data: CommandData<'conversation.update'>): Decision {
  const changes: EventData<'conversation.updated'> = {};
  for (const field of ['title', 'description', 'avatar'] as const) {
    const value = data[field] === '' ? null : data[field];
    if (value !== undefined && value !== state[field]) changes[field] = value;
  }
  const settings = changedSettings(state.settings, data.settings);
  if (Object.keys(settings).length > 0) changes.settings = settings;
  const none = Object.keys(changes).length === 0;
  return accept<'conversation.update'>(none ? [] : [{ type: 'conversation.updated', data: changes }], {});
}

function changedSettings(settings: Settings, asked?: SettingsChanges): SettingsChanges {
  const wanted = Object.entries(mergedSettings(settings, asked));
  return Object.fromEntries(wanted.filter(([name, value]) => settings[name as keyof Settings] !== value));
}

export function archive(
  { archived }: ConversationState,
  { type, data }: CommandOf<'conversation.archive'> | CommandOf<'conversation.unarchive'>,
): Decision {
  const reason = data.reason === undefined ? {} : { reason: data.reason };
  if (archived === (type === 'conversation.archive')) return accept<typeof type>([], {});
  const event = archived ? 'conversation.unarchived' : 'conversation.archived';
  return accept<typeof type>([{ type: event, data: reason }], {});
}

export function deleteConversation({ reason }: CommandData<'conversation.delete'>): Decision {
  const data = reason === undefined ? {} : { reason };
  return accept<'conversation.delete'>([{ type: 'conversation.deleted', data }], {});
}

/** Asked for by a service: the texts of all messages up to this one go. */
export function expireMessages(
  { messageCount, expiredOrdinal }: ConversationState,
  { throughOrdinal }: CommandData<'conversation.expire-messages'>,
): Decision {
  if (throughOrdinal > messageCount) {
    return rejectField('throughOrdinal', `the newest message is ${messageCount}`);
  }
  if (throughOrdinal > expiredOrdinal + MAX_EXPIRED_AT_ONCE) {
    const furthest = expiredOrdinal + MAX_EXPIRED_AT_ONCE;
    return rejectField('throughOrdinal', `at most ${MAX_EXPIRED_AT_ONCE} at once: up to ${furthest}`);
  }
  if (throughOrdinal <= expiredOrdinal) {
    return accept<'conversation.expire-messages'>([], { throughOrdinal: expiredOrdinal });
  }
  return accept<'conversation.expire-messages'>([{ type: 'messages.expired', data: { throughOrdinal } }], {
    throughOrdinal,
  });
}
