import type { RecordedEvent } from '@parley/contracts';
import { type ConversationEvent, isConversationEvent, isKnown } from '@parley/contracts';
import { fingerprint } from './received.ts';

interface FoldedMessage {
  messageId: string;
  senderId: string;
  /** Of the body; null when deleted. */
  body: number | null;
  replyTo: string | null;
  edits: number;
}

export interface FoldedConversation {
  title: string | null;
  /** Members → everything up to this ordinal is read. */
  readers: Map<string, number>;
  roles: Map<string, string>;
  /** By ordinal − 1. */
  messages: FoldedMessage[];
  /** Most members it ever had: decides who is sent receipts. */
  mostMembers: number;
  version: number;
}

/** What the log itself contradicts: versions or ordinals that are not dense. */
export type Flaw = string;

/**
 * The read model by the rules of the documentation, written without a look at the projector, as plainly as possible: it
 * counts what is to be read one message at a time.
 */
export class NaiveFold {
  readonly conversations = new Map<string, FoldedConversation>();
  readonly flaws: Flaw[] = [];
  events = 0;

  apply(event: RecordedEvent): void {
    this.events++;
    if (!isKnown(event)) return;
    if (event.type === 'cursors.advanced') {
      for (const { conversationId, userId, readOrdinal = 0 } of event.data.entries) {
        moveCursor(this.conversations.get(conversationId), userId, readOrdinal);
      }
      return;
    }
    if (!isConversationEvent(event)) return;
    const id = event.subject.replace(/^conversation\//, '');
    const conversation = this.conversations.get(id) ?? emptyConversation();
    this.conversations.set(id, conversation);
    if (event.version !== conversation.version + 1) {
      this.flaws.push(`${id}: version ${event.version} after ${conversation.version}`);
    }
    conversation.version = event.version ?? 0;
    this.#change(id, conversation, event);
    conversation.mostMembers = Math.max(conversation.mostMembers, conversation.readers.size);
  }

  #change(id: string, conversation: FoldedConversation, event: ConversationEvent): void {
    const { readers, roles, messages } = conversation;
    switch (event.type) {
      case 'conversation.created':
        conversation.title = event.data.title ?? null;
        enter(conversation, event.data.members, 0);
        return;
      case 'members.added':
        enter(conversation, event.data.members, messages.length);
        return;
      case 'member.left':
        readers.delete(event.data.userId);
        roles.delete(event.data.userId);
        return;
      case 'members.removed':
        for (const userId of event.data.userIds) {
          readers.delete(userId);
          roles.delete(userId);
        }
        return;
      case 'message.sent': {
        const { messageId, ordinal, body = '', replyTo = null } = event.data;
        if (ordinal !== messages.length + 1)
          this.flaws.push(`${id}: ordinal ${ordinal} after ${messages.length}`);
        messages.push({ messageId, senderId: event.actor, body: fingerprint(body), replyTo, edits: 0 });
        moveCursor(conversation, event.actor, ordinal);
        return;
      }
      case 'message.edited':
        editMessage(messages[event.data.ordinal - 1], event.data.body ?? '');
        return;
      case 'message.deleted': {
        const message = messages[event.data.ordinal - 1];
        if (message) message.body = null;
      }
    }
  }
}

/** Messages after the member's cursor that are there to be read; null when they are no member. */
export function unreadOf({ readers, messages }: FoldedConversation, userId: string): number | null {
  const read = readers.get(userId);
  if (read === undefined) return null;
  let unread = 0;
  for (let ordinal = read + 1; ordinal <= messages.length; ordinal++) {
    if (messages[ordinal - 1]?.body !== null) unread++;
  }
  return unread;
}

function emptyConversation(): FoldedConversation {
  return { title: null, readers: new Map(), roles: new Map(), messages: [], mostMembers: 0, version: 0 };
}

function enter(
  { readers, roles }: FoldedConversation,
  members: { userId: string; role: string }[],
  read: number,
): void {
  for (const { userId, role } of members) {
    readers.set(userId, read);
    roles.set(userId, role);
  }
}

function moveCursor(conversation: FoldedConversation | undefined, userId: string, ordinal: number): void {
  const held = conversation?.readers.get(userId);
  if (held !== undefined && held < ordinal) conversation?.readers.set(userId, ordinal);
}

/** An edit of a deleted message is void. */
function editMessage(message: FoldedMessage | undefined, body: string): void {
  if (!message || message.body === null) return;
  message.body = fingerprint(body);
  message.edits++;
}
