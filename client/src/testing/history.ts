import {
  type CommitItem,
  dataschemaOf,
  type EventData,
  type EventType,
  type LogEvent,
} from '@parley/contracts';
import { seenBy } from './gateway-view.ts';

export const EPOCH = '00000000-0000-4000-8000-000000000001';
export const ROOM = '0190a000-0000-7000-8000-000000000001';
export const VIEWER = { userId: 'ann', unarchiveOnMessage: true };
export const USERS = ['ann', 'bob', 'cat', 'dan'];

export type Draft = { [T in EventType]: { type: T; data: EventData<T>; actor: string } }[EventType];

interface Member {
  role: 'owner' | 'member';
  joinedAt: string;
  joinedOrdinal: number;
  read: number;
  delivered: number;
  receipt: number;
}

export interface Message {
  ordinal: number;
  id: string;
  sequence: number;
  sender: string;
  at: string;
  body: string | null;
  mentions: EventData<'message.sent'>['mentions'];
  root: number | null;
  reactions: { emoji: string; userId: string }[];
  edits: { at: string; by: string; count: number } | null;
  deleted: { at: string; by: string; reason: null } | null;
  hidden: boolean;
  pinned: boolean;
  version: number;
}

export const messageId = (ordinal: number): string =>
  `0190a000-0000-7000-9000-${String(ordinal).padStart(12, '0')}`;

/** What happened so far, folded the plain way: every fact is kept. */
export class History {
  sequence = 0;
  version = 0;
  readonly members = new Map<string, Member>();
  readonly messages: Message[] = [];
  readonly followers = new Map<string, number>();
  title: string | null = 'A room';
  archived = false;
  receipts = true;
  expired = 0;
  inbox = { muted: false, mutedUntil: null as string | null, archived: false, pinned: false };

  /** Takes the events in as one commit; what the viewer's socket gets of it. */
  commit(drafts: Draft[]): CommitItem {
    this.sequence++;
    const events = drafts.map((draft) => this.#record(draft));
    for (const event of events) this.#fold(event);
    return { seq: this.sequence, events: events.flatMap((event) => seenBy(VIEWER.userId, event)) };
  }

  #record({ type, data, actor }: Draft): LogEvent {
    const kind = type.startsWith('inbox.') || type === 'message.hidden' ? 'user' : 'conversation';
    const subject = kind === 'user' ? `user/${actor}` : `conversation/${ROOM}`;
    const counted = kind === 'conversation' && type !== 'cursors.advanced';
    return {
      specversion: '1.0',
      id: `${this.sequence}`,
      source: '/parley',
      type,
      subject: type === 'cursors.advanced' ? 'reads/0' : subject,
      time: this.time,
      dataschema: dataschemaOf(type),
      ...(counted && { version: ++this.version }),
      actor,
      data,
    } as LogEvent;
  }

  get time(): string {
    return new Date(Date.UTC(2026, 0, 1) + this.sequence * 1_000).toISOString();
  }

  #fold(event: LogEvent): void {
    switch (event.type) {
      case 'conversation.created':
        for (const { userId } of event.data.members) this.#join(userId, 0, event.time);
        break;
      case 'conversation.updated':
        if (event.data.title !== undefined) this.title = event.data.title;
        this.receipts = event.data.settings?.receipts ?? this.receipts;
        break;
      case 'conversation.archived':
      case 'conversation.unarchived':
        this.archived = event.type === 'conversation.archived';
        break;
      case 'members.added':
        for (const { userId } of event.data.members) this.#join(userId, event.data.ordinal, event.time);
        break;
      case 'member.left':
      case 'member.banned':
        this.members.delete(event.data.userId);
        break;
      case 'members.removed':
        for (const userId of event.data.userIds) this.members.delete(userId);
        break;
      case 'member.role-changed':
        this.#member(event.data.userId, (member) => ({ ...member, role: 'owner' }));
        break;
      case 'cursors.advanced':
        for (const entry of event.data.entries) this.#advance(entry);
        break;
      case 'cursor.lowered': {
        const { ordinal } = event.data;
        this.#member(event.data.userId, (member) => ({ ...member, read: ordinal }));
        break;
      }
      default:
        this.#foldMessage(event);
    }
  }

  #foldMessage(event: LogEvent): void {
    const { data } = event;
    const found = 'ordinal' in data ? this.messages[data.ordinal - 1] : undefined;
    switch (event.type) {
      case 'message.sent':
        this.#send(event.data, event);
        break;
      case 'messages.expired':
        this.expired = event.data.throughOrdinal;
        break;
      case 'message.edited':
        if (!found) break;
        found.body = event.data.body ?? null;
        found.mentions = event.data.mentions;
        found.edits = { at: event.time, by: event.actor, count: (found.edits?.count ?? 0) + 1 };
        found.version = event.version ?? 0;
        break;
      case 'message.deleted':
        if (!found) break;
        found.deleted = { at: event.time, by: event.actor, reason: null };
        found.version = event.version ?? 0;
        break;
      case 'reaction.added':
        found?.reactions.push({ emoji: event.data.emoji, userId: event.actor });
        break;
      case 'reaction.removed':
        if (found) {
          const { emoji } = event.data;
          found.reactions = found.reactions.filter(
            (each) => each.emoji !== emoji || each.userId !== event.actor,
          );
        }
        break;
      case 'message.pinned':
      case 'message.unpinned':
        if (found) found.pinned = event.type === 'message.pinned';
        break;
      case 'message.hidden':
        if (found) found.hidden = true;
        break;
      case 'inbox.muted':
        this.inbox = { ...this.inbox, muted: true, mutedUntil: event.data.until ?? null };
        break;
      case 'inbox.unmuted':
        this.inbox = { ...this.inbox, muted: false, mutedUntil: null };
        break;
      case 'inbox.archived':
      case 'inbox.unarchived':
        this.inbox = { ...this.inbox, archived: event.type === 'inbox.archived' };
        break;
      case 'inbox.pinned':
      case 'inbox.unpinned':
        this.inbox = { ...this.inbox, pinned: event.type === 'inbox.pinned' };
        break;
    }
  }

  #join(userId: string, joinedOrdinal: number, joinedAt: string): void {
    const cursors = { read: joinedOrdinal, delivered: joinedOrdinal, receipt: joinedOrdinal };
    this.members.set(userId, { role: 'member', joinedAt, joinedOrdinal, ...cursors });
  }

  #member(userId: string, change: (member: Member) => Member): void {
    const member = this.members.get(userId);
    if (member) this.members.set(userId, change(member));
  }

  #advance(entry: EventData<'cursors.advanced'>['entries'][number]): void {
    const { userId, threadOrdinal, readOrdinal = 0, deliveredOrdinal = 0 } = entry;
    if (threadOrdinal !== undefined) {
      const key = `${userId}/${threadOrdinal}`;
      const held = this.followers.get(key);
      if (held !== undefined) this.followers.set(key, Math.max(held, readOrdinal));
      return;
    }
    this.#member(userId, (member) => ({
      ...member,
      read: Math.max(member.read, readOrdinal),
      receipt: entry.private ? member.receipt : Math.max(member.receipt, readOrdinal),
      delivered: Math.max(member.delivered, entry.private ? 0 : readOrdinal, deliveredOrdinal),
    }));
  }

  #send(data: EventData<'message.sent'>, { actor, time, version = 0 }: LogEvent): void {
    const { ordinal, mentions, threadOrdinal: root = null, threadAuthor } = data;
    const first = root !== null && !this.messages.some((message) => message.root === root);
    this.messages.push({
      ordinal,
      id: data.messageId,
      sequence: this.sequence,
      sender: actor,
      at: time,
      body: data.body ?? null,
      mentions,
      root,
      reactions: [],
      edits: null,
      deleted: null,
      hidden: false,
      pinned: false,
      version,
    });
    if (root === null) {
      this.#advance({ conversationId: ROOM, userId: actor, readOrdinal: ordinal, at: time });
      if (VIEWER.unarchiveOnMessage) this.inbox = { ...this.inbox, archived: false };
      return;
    }
    const follow = (userId: string, read: number, rises: boolean): void => {
      const key = `${userId}/${root}`;
      const held = this.followers.get(key);
      if (held === undefined || rises) this.followers.set(key, Math.max(held ?? 0, read));
    };
    if (first && threadAuthor !== undefined) follow(threadAuthor, root, false);
    follow(actor, ordinal, true);
    for (const userId of mentions.users) follow(userId, ordinal - 1, false);
  }
}
