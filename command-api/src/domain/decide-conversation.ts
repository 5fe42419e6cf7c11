import { type Command, type CommandData, commandIdSchema } from '@parley/contracts';
import { type ConversationState, conversationOf, type MessageFact } from './conversation.ts';
import { accept, type Decision, type NewEvent, reject, rejectField } from './decider.ts';
import { atLeast, DELETES_OTHERS_MESSAGES, outranks, permissions } from './permissions.ts';

/** Pure: what a command does to a conversation, or why not. `fact` is needed by edit and delete only. */
export function decideConversation(state: ConversationState, command: Command, fact?: MessageFact): Decision {
  if (command.type === 'conversation.create') return create(state, command);
  const denied = deny(state, command);
  if (denied) return denied;
  switch (command.type) {
    case 'conversation.join':
      return join(state, command.actor);
    case 'conversation.leave':
      return leave(state, command.actor);
    case 'members.add':
      return addMembers(state, command.actor, command.data);
    case 'members.remove':
      return removeMembers(state, command.actor, command.data);
    case 'message.send':
      return send(state, command.id, command.data);
    case 'message.edit':
      return edit(state, command.actor, command.data, fact);
    case 'message.delete':
      return remove(state, command.actor, command.data, fact);
    case 'messages.read':
      return read(state, command.data);
  }
}

/** The permission table. Who may not know that a conversation exists is told that it does not. */
function deny(
  state: ConversationState,
  command: Exclude<Command, { type: 'conversation.create' }>,
): Decision | null {
  const role = state.roles.get(command.actor);
  if (state.type === null || (!role && state.type !== 'channel')) return reject('not-found');
  const rule = permissions[command.type][state.type];
  if (rule === 'nobody')
    return role && command.type === 'conversation.join' ? null : reject('not-allowed-here');
  if (rule === 'anyone') return null;
  if (!role)
    return command.type === 'conversation.leave' ? null : reject('forbidden', { detail: 'Join first.' });
  return atLeast(role, rule) ? null : reject('forbidden', { detail: `Needs the role ${rule} or higher.` });
}

function create(
  state: ConversationState,
  command: Extract<Command, { type: 'conversation.create' }>,
): Decision {
  const { actor, data } = command;
  const conversationId = conversationOf(command);
  const fault = createFault(actor, data, conversationId);
  if (fault) return fault;
  if (state.type !== null) {
    return state.roles.has(actor)
      ? accept<'conversation.create'>([], { conversationId, created: false })
      : reject('not-found');
  }
  const others = uniqueMembers(data.members).filter((member) => member.userId !== actor);
  const members =
    data.type === 'direct'
      ? [actor, ...others.map((member) => member.userId)].map((userId) => ({
          userId,
          role: 'member' as const,
        }))
      : [{ userId: actor, role: 'owner' as const }, ...others];
  const { type, title, description } = data;
  const event: NewEvent = {
    type: 'conversation.created',
    data: { type, ...(title && { title }), ...(description && { description }), members },
  };
  return accept<'conversation.create'>([event], { conversationId, created: true });
}

function createFault(
  actor: string,
  data: CommandData<'conversation.create'>,
  conversationId: string,
): Decision | null {
  if (data.type !== 'direct') {
    // A direct conversation's id can be computed by anybody: whoever made a group of that id would own the place where
    // two others are going to talk.
    const fits = data.conversationId === undefined || commandIdSchema.safeParse(data.conversationId).success;
    return fits ? null : rejectField('conversationId', 'must be a lower-case UUIDv7');
  }
  const others = new Set(data.members.map((member) => member.userId).filter((userId) => userId !== actor));
  if (others.size === 0 && data.members.length > 0) return reject('self-message');
  if (others.size !== 1) {
    return rejectField('members', 'a direct conversation names exactly one other user');
  }
  if (data.conversationId && data.conversationId !== conversationId) {
    return rejectField('conversationId', `the direct conversation of these two is ${conversationId}`);
  }
  return null;
}

function join(state: ConversationState, actor: string): Decision {
  const role = state.roles.get(actor);
  if (role) return accept<'conversation.join'>([], { role });
  const members = [{ userId: actor, role: 'member' as const }];
  return accept<'conversation.join'>(
    [{ type: 'members.added', data: { members, via: 'join', ordinal: state.messageCount } }],
    { role: 'member' },
  );
}

function leave(state: ConversationState, actor: string): Decision {
  const role = state.roles.get(actor);
  if (!role) return accept<'conversation.leave'>([], {});
  if (role === 'owner' && state.owners === 1) return reject('last-owner');
  return accept<'conversation.leave'>([{ type: 'member.left', data: { userId: actor } }], {});
}

function addMembers(state: ConversationState, actor: string, data: CommandData<'members.add'>): Decision {
  const ownRole = state.roles.get(actor) ?? 'guest';
  const added = uniqueMembers(data.members).filter((member) => !state.roles.has(member.userId));
  const tooHigh = added.find((member) => !outranks(ownRole, member.role));
  if (tooHigh)
    return reject('forbidden', {
      detail: `Adding somebody as ${tooHigh.role} needs a higher role, or owner.`,
    });
  const result = { added: added.map((member) => member.userId) };
  if (added.length === 0) return accept<'members.add'>([], result);
  return accept<'members.add'>(
    [{ type: 'members.added', data: { members: added, via: 'add', ordinal: state.messageCount } }],
    result,
  );
}

function removeMembers(
  state: ConversationState,
  actor: string,
  data: CommandData<'members.remove'>,
): Decision {
  const ownRole = state.roles.get(actor) ?? 'guest';
  const removed = [...new Set(data.userIds)].filter((userId) => state.roles.has(userId));
  if (removed.includes(actor)) return rejectField('userIds', 'to go yourself, send conversation.leave');
  const tooHigh = removed.find((userId) => !outranks(ownRole, state.roles.get(userId) ?? 'guest'));
  if (tooHigh !== undefined)
    return reject('forbidden', { detail: 'Somebody named has your role or a higher one.' });
  if (removed.length === 0) return accept<'members.remove'>([], { removed });
  const reason = data.reason === undefined ? {} : { reason: data.reason };
  return accept<'members.remove'>([{ type: 'members.removed', data: { userIds: removed, ...reason } }], {
    removed,
  });
}

function send(state: ConversationState, messageId: string, data: CommandData<'message.send'>): Decision {
  const { body, format, replyTo, metadata } = data;
  const ordinal = state.messageCount + 1;
  const event: NewEvent = {
    type: 'message.sent',
    data: { messageId, ordinal, body, format, ...(replyTo && { replyTo }), ...(metadata && { metadata }) },
  };
  return accept<'message.send'>([event], { messageId, ordinal });
}

function edit(
  state: ConversationState,
  actor: string,
  data: CommandData<'message.edit'>,
  fact: MessageFact = 'unknown',
): Decision {
  if (typeof fact === 'string') return missing(fact);
  if (fact.senderId !== actor) return reject('forbidden', { detail: 'Only its author edits a message.' });
  if (state.deletedOrdinals.has(fact.ordinal)) return reject('message-deleted');
  const { messageId, body, format } = data;
  return accept<'message.edit'>(
    [{ type: 'message.edited', data: { messageId, ordinal: fact.ordinal, body, format } }],
    {},
  );
}

function remove(
  state: ConversationState,
  actor: string,
  data: CommandData<'message.delete'>,
  fact: MessageFact = 'unknown',
): Decision {
  if (typeof fact === 'string') return missing(fact);
  const role = state.roles.get(actor) ?? 'guest';
  if (fact.senderId !== actor && !atLeast(role, DELETES_OTHERS_MESSAGES)) {
    return reject('forbidden', {
      detail: `Deleting what others wrote needs the role ${DELETES_OTHERS_MESSAGES}.`,
    });
  }
  if (state.deletedOrdinals.has(fact.ordinal)) return accept<'message.delete'>([], {});
  const reason = data.reason === undefined ? {} : { reason: data.reason };
  return accept<'message.delete'>(
    [{ type: 'message.deleted', data: { messageId: data.messageId, ordinal: fact.ordinal, ...reason } }],
    {},
  );
}

function missing(fact: 'unknown' | 'wrong-sequence'): Decision {
  return fact === 'unknown'
    ? reject('not-found', {
        errors: [{ path: 'messageId', message: 'no such message in this conversation' }],
      })
    : rejectField('sequence', 'the commit at this sequence does not hold that message');
}

/** The cursor itself goes to a log subject without order; here only whether this user may move it that far. */
function read(state: ConversationState, data: CommandData<'messages.read'>): Decision {
  if (data.ordinal > state.messageCount) {
    return rejectField('ordinal', `the newest message is ${state.messageCount}`);
  }
  return accept<'messages.read'>([], { ordinal: data.ordinal });
}

function uniqueMembers<M extends { userId: string }>(members: M[]): M[] {
  return [...new Map(members.map((member) => [member.userId, member])).values()];
}
