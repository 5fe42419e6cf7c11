import type { CommandData, CommandOf, Mentions } from '@parley/contracts';
import type { ConversationState } from './conversation.ts';
import {
  accept,
  type Decision,
  type Facts,
  type Finding,
  type MessageFact,
  type NewEvent,
  reject,
  rejectField,
} from './decider.ts';
import { mentionsIn } from './mentions.ts';
import { hasPrivilege } from './permissions.ts';
import { floorOf } from './standing.ts';

/** A fact that can be built on, or the refusal it comes to. */
type Resolved = { fact: MessageFact } | { refusal: Decision };

/** The message a command is about, as its actor may see it: emptied, or from before they joined, it is not there. */
export function resolve(state: ConversationState, actor: string, finding: Finding = 'unknown'): Resolved {
  if (finding === 'wrong-sequence') {
    return { refusal: rejectField('sequence', 'the commit at this sequence does not hold that message') };
  }
  if (finding === 'unknown' || finding.ordinal <= floorOf(state, actor)) {
    const errors = [{ path: 'messageId', message: 'no such message in this conversation' }];
    return { refusal: reject('not-found', { errors }) };
  }
  return { fact: finding };
}

export function isDeleted(
  { deletedOrdinals }: ConversationState,
  { ordinal, deleted }: MessageFact,
): boolean {
  return deleted === true || deletedOrdinals.has(ordinal);
}

/** Whether the actor may write at all; `message.schedule` asks this too, the rest is asked when its time comes. */
export function denyWriting({ type, settings, roles }: ConversationState, actor: string): Decision | null {
  if (!settings.readOnly || holds('read-only.write', { type, roles }, actor)) return null;
  return reject('forbidden', { detail: 'Read only: writing needs the role moderator or higher.' });
}

function holds(
  privilege: Parameters<typeof hasPrivilege>[0],
  { type, roles }: Pick<ConversationState, 'type' | 'roles'>,
  actor: string,
): boolean {
  const role = roles.get(actor);
  return type !== null && role !== undefined && hasPrivilege(privilege, type, role);
}

export function send(state: ConversationState, command: CommandOf<'message.send'>, facts: Facts): Decision {
  const { id: messageId, actor, at, data } = command;
  const denied = denyWriting(state, actor) ?? slowDown(state, actor, at);
  if (denied) return denied;
  const replied = data.replyTo === undefined ? null : referred(state, actor, 'replyTo', facts.replyTo);
  if (replied && 'refusal' in replied) return replied.refusal;
  const root = data.threadId === undefined ? null : threadRoot(state, actor, facts.thread);
  if (root && 'refusal' in root) return root.refusal;
  const { body, format, ciphertext, attachments, replyTo, threadId, metadata } = data;
  const ordinal = state.messageCount + 1;
  const event: NewEvent = {
    type: 'message.sent',
    data: {
      messageId,
      ordinal,
      replies: state.replyCount + (root ? 1 : 0),
      ...(body !== undefined && { body }),
      format,
      ...(ciphertext && { ciphertext }),
      attachments,
      ...(replyTo !== undefined && replied && { replyTo, replyToAuthor: replied.fact.senderId }),
      ...(threadId !== undefined &&
        root && { threadId, threadOrdinal: root.fact.ordinal, threadAuthor: root.fact.senderId }),
      mentions: mentions(state, actor, body, root !== null),
      ...(metadata && { metadata }),
    },
  };
  return accept<'message.send'>([event], { messageId, ordinal });
}

function slowDown(state: ConversationState, actor: string, at: number): Decision | null {
  const last = state.lastSentAt.get(actor);
  if (last === undefined || holds('slow-mode.exempt', state, actor)) return null;
  const retryAfterMs = last + state.settings.slowModeSeconds * 1_000 - at;
  return retryAfterMs > 0 ? reject('slow-mode', { retryAfterMs }) : null;
}

/** A deleted one will do: what somebody writes must not be lost because another was quicker to delete. */
function referred(
  state: ConversationState,
  actor: string,
  path: 'replyTo' | 'threadId',
  finding: Finding = 'unknown',
): Resolved {
  const resolved = resolve(state, actor, finding);
  if (!('refusal' in resolved)) return resolved;
  return { refusal: rejectField(path, 'no such message in this conversation') };
}

function threadRoot(state: ConversationState, actor: string, finding?: Finding): Resolved {
  const resolved = referred(state, actor, 'threadId', finding);
  if ('refusal' in resolved || resolved.fact.threadOrdinal === null) return resolved;
  return { refusal: rejectField('threadId', 'is itself a reply in a thread') };
}

function mentions(
  state: ConversationState,
  author: string,
  body: string | undefined,
  inThread: boolean,
): Mentions {
  const everybody = !inThread && holds('mention.all', state, author);
  return mentionsIn(body, { author, members: state.roles, everybody });
}

export function edit(state: ConversationState, command: CommandOf<'message.edit'>, facts: Facts): Decision {
  const { actor, at, data } = command;
  const resolved = resolve(state, actor, facts.message);
  if ('refusal' in resolved) return resolved.refusal;
  const { fact } = resolved;
  if (fact.senderId !== actor) return reject('forbidden', { detail: 'Only its author edits a message.' });
  if (isDeleted(state, fact)) return reject('message-deleted');
  const denied = denyWriting(state, actor);
  if (denied) return denied;
  const { editWindowSeconds } = state.settings;
  // Clocks of two servers may differ: a message from the future is new.
  const age = Math.max(0, at - fact.sentAt);
  if (editWindowSeconds !== null && age >= editWindowSeconds * 1_000) return reject('edit-window-passed');
  const { messageId, body, format, ciphertext } = data;
  const event: NewEvent = {
    type: 'message.edited',
    data: {
      messageId,
      ordinal: fact.ordinal,
      ...(body !== undefined && { body }),
      format,
      ...(ciphertext && { ciphertext }),
      mentions: mentions(state, actor, body, fact.threadOrdinal !== null),
      ...(fact.threadOrdinal !== null && { threadOrdinal: fact.threadOrdinal }),
    },
  };
  return accept<'message.edit'>([event], {});
}

export function deleteMessage(
  state: ConversationState,
  actor: string,
  { messageId, reason }: CommandData<'message.delete'>,
  facts: Facts,
): Decision {
  const resolved = resolve(state, actor, facts.message);
  if ('refusal' in resolved) return resolved.refusal;
  const { ordinal, senderId, threadOrdinal } = resolved.fact;
  if (senderId !== actor && !holds('message.delete-others', state, actor)) {
    return reject('forbidden', { detail: 'Deleting what others wrote needs a higher role.' });
  }
  if (isDeleted(state, resolved.fact)) return accept<'message.delete'>([], {});
  const event: NewEvent = {
    type: 'message.deleted',
    data: {
      messageId,
      ordinal,
      ...(reason !== undefined && { reason }),
      authorId: senderId,
      ...(threadOrdinal !== null && { threadOrdinal }),
    },
  };
  return accept<'message.delete'>([event], {});
}
