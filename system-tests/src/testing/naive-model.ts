import type { LogEvent, Settings } from '@parley/contracts';

/**
 * The read model as one would count it by hand: everything is kept and every number is a loop over all of it. Slow and
 * obvious on purpose; it shares no code with the projector or the read API.
 */
interface NaiveMessage {
  messageId: string;
  ordinal: number;
  sender: string;
  body: string | null;
  threadOrdinal: number | null;
  mentions: { users: string[]; all: boolean; here: boolean };
  deleted: boolean;
  edits: number;
  reactions: Set<string>;
  pinned: boolean;
}

interface NaiveMember {
  role: string;
  joinedOrdinal: number;
  read: number;
  delivered: number;
}

interface NaiveConversation {
  type: string;
  settings: Settings;
  deleted: boolean;
  archived: boolean;
  version: number;
  messages: NaiveMessage[];
  members: Map<string, NaiveMember>;
  banned: Set<string>;
  expired: number;
  lastMessageAt: number;
  /** `user root` → read ordinal. */
  follows: Map<string, number>;
  /** Audience cursors of a broadcast. */
  audience: Map<string, number>;
}

interface NaiveUser {
  /** Conversation → log order of its mute and archive. */
  muted: Set<string>;
  archived: Map<string, number>;
  hidden: Set<string>;
  unarchive: boolean;
}

export interface NaiveCounts {
  unread: number;
  mentions: number;
  threadUnread: number;
}

export class NaiveModel {
  readonly conversations = new Map<string, NaiveConversation>();
  readonly users = new Map<string, NaiveUser>();

  /** Events of one commit; `sequence` orders commits of different aggregates. */
  apply(events: readonly LogEvent[], sequence: number): void {
    for (const event of events) this.#apply(event, sequence);
  }

  #apply(event: LogEvent, sequence: number): void {
    const [kind, ...rest] = event.subject.split('/');
    const id = rest.join('/');
    if (event.type === 'cursors.advanced') for (const entry of event.data.entries) this.#cursor(entry);
    else if (kind === 'user') this.#userEvent(this.user(id), event, sequence);
    else if (event.type === 'conversation.created') this.#create(id, event);
    else if (kind === 'conversation') this.#conversationEvent(this.#conversation(id), event, sequence);
  }

  user(id: string): NaiveUser {
    let user = this.users.get(id);
    if (!user) {
      user = { muted: new Set(), archived: new Map(), hidden: new Set(), unarchive: true };
      this.users.set(id, user);
    }
    return user;
  }

  #conversation(id: string): NaiveConversation {
    const conversation = this.conversations.get(id);
    if (!conversation) throw new Error(`no conversation ${id}`);
    return conversation;
  }

  #create(id: string, event: Extract<LogEvent, { type: 'conversation.created' }>): void {
    const conversation: NaiveConversation = {
      type: event.data.type,
      settings: event.data.settings,
      deleted: false,
      archived: false,
      version: event.version ?? 0,
      messages: [],
      members: new Map(),
      banned: new Set(),
      expired: 0,
      lastMessageAt: 0,
      follows: new Map(),
      audience: new Map(),
    };
    for (const { userId, role } of event.data.members) {
      conversation.members.set(userId, { role, joinedOrdinal: 0, read: 0, delivered: 0 });
    }
    this.conversations.set(id, conversation);
  }

  #cursor(entry: Extract<LogEvent, { type: 'cursors.advanced' }>['data']['entries'][number]): void {
    const conversation = this.#conversation(entry.conversationId);
    const read = entry.readOrdinal ?? 0;
    if (entry.threadOrdinal !== undefined) {
      const key = `${entry.userId} ${entry.threadOrdinal}`;
      const held = conversation.follows.get(key);
      if (held !== undefined) conversation.follows.set(key, Math.max(held, read));
      return;
    }
    if (entry.audience) {
      conversation.audience.set(entry.userId, Math.max(conversation.audience.get(entry.userId) ?? 0, read));
      return;
    }
    const member = conversation.members.get(entry.userId);
    if (!member) return;
    member.read = Math.max(member.read, read);
    member.delivered = Math.max(member.delivered, entry.private ? 0 : read, entry.deliveredOrdinal ?? 0);
  }

  #userEvent(user: NaiveUser, event: LogEvent, sequence: number): void {
    switch (event.type) {
      case 'inbox.muted':
        user.muted.add(event.data.conversationId);
        break;
      case 'inbox.unmuted':
        user.muted.delete(event.data.conversationId);
        break;
      case 'inbox.archived':
        user.archived.set(event.data.conversationId, sequence);
        break;
      case 'inbox.unarchived':
        user.archived.delete(event.data.conversationId);
        break;
      case 'message.hidden':
        user.hidden.add(`${event.data.conversationId} ${event.data.ordinal}`);
        break;
      case 'preferences.changed':
        user.unarchive = event.data.unarchiveOnMessage ?? user.unarchive;
        break;
    }
  }

  #conversationEvent(conversation: NaiveConversation, event: LogEvent, sequence: number): void {
    conversation.version = event.version ?? conversation.version;
    if (event.type === 'member.banned') conversation.banned.add(event.data.userId);
    if (event.type === 'member.unbanned') conversation.banned.delete(event.data.userId);
    if (this.#membershipEvent(conversation, event)) return;
    switch (event.type) {
      case 'message.sent':
        this.#sent(conversation, event, sequence);
        break;
      case 'message.edited':
      case 'message.deleted':
      case 'reaction.added':
      case 'reaction.removed':
      case 'message.pinned':
      case 'message.unpinned':
        this.#messageEvent(conversation.messages[event.data.ordinal - 1], event);
        break;
      case 'messages.expired':
        conversation.expired = Math.max(conversation.expired, event.data.throughOrdinal);
        break;
      case 'conversation.updated':
        Object.assign(conversation.settings, event.data.settings ?? {});
        break;
      case 'conversation.archived':
      case 'conversation.unarchived':
        conversation.archived = event.type === 'conversation.archived';
        break;
      case 'conversation.deleted':
        conversation.deleted = true;
        break;
    }
  }

  #membershipEvent({ members, messages }: NaiveConversation, event: LogEvent): boolean {
    switch (event.type) {
      case 'members.added':
        for (const { userId, role } of event.data.members) {
          const joinedOrdinal = messages.length;
          members.set(userId, { role, joinedOrdinal, read: joinedOrdinal, delivered: joinedOrdinal });
        }
        return true;
      case 'member.left':
      case 'member.banned':
        return members.delete(event.data.userId) || true;
      case 'members.removed':
        for (const userId of event.data.userIds) members.delete(userId);
        return true;
      case 'member.role-changed': {
        const member = members.get(event.data.userId);
        if (member) member.role = event.data.to;
        return true;
      }
      case 'cursor.lowered': {
        const member = members.get(event.data.userId);
        if (member) member.read = event.data.ordinal;
        return true;
      }
      default:
        return false;
    }
  }

  #sent(
    conversation: NaiveConversation,
    { actor, data }: Extract<LogEvent, { type: 'message.sent' }>,
    sequence: number,
  ): void {
    if (data.ordinal !== conversation.messages.length + 1)
      throw new Error(`ordinal ${data.ordinal} is not dense`);
    conversation.messages.push({
      messageId: data.messageId,
      ordinal: data.ordinal,
      sender: actor,
      body: data.body ?? null,
      threadOrdinal: data.threadOrdinal ?? null,
      mentions: data.mentions,
      deleted: false,
      edits: 0,
      reactions: new Set(),
      pinned: false,
    });
    if (data.threadOrdinal === undefined) {
      conversation.lastMessageAt = sequence;
      const member = conversation.members.get(actor);
      if (!member) return;
      member.read = Math.max(member.read, data.ordinal);
      member.delivered = Math.max(member.delivered, data.ordinal);
      return;
    }
    const follow = (user: string, from: number) => {
      const key = `${user} ${data.threadOrdinal}`;
      if (!conversation.follows.has(key)) conversation.follows.set(key, from);
    };
    follow(conversation.messages[data.threadOrdinal - 1]?.sender ?? '', data.threadOrdinal);
    for (const user of data.mentions.users) follow(user, data.ordinal - 1);
    conversation.follows.set(`${actor} ${data.threadOrdinal}`, data.ordinal);
  }

  #messageEvent(message: NaiveMessage | undefined, event: LogEvent): void {
    if (!message || message.deleted) return;
    switch (event.type) {
      case 'message.edited':
        message.body = event.data.body ?? null;
        message.mentions = event.data.mentions;
        message.edits += 1;
        break;
      case 'message.deleted':
        message.deleted = true;
        break;
      case 'reaction.added':
        message.reactions.add(`${event.actor} ${event.data.emoji}`);
        break;
      case 'reaction.removed':
        message.reactions.delete(`${event.actor} ${event.data.emoji}`);
        break;
      case 'message.pinned':
      case 'message.unpinned':
        message.pinned = event.type === 'message.pinned';
        break;
    }
  }

  /** What a user sees counted in a conversation; null when it is in none of their lists. */
  countsOf(conversationId: string, userId: string): NaiveCounts | null {
    const conversation = this.#conversation(conversationId);
    const member = conversation.members.get(userId);
    const inAudience = conversation.type === 'broadcast' && !conversation.banned.has(userId);
    if (conversation.deleted || (!member && !inAudience)) return null;
    const hidden = this.user(userId).hidden;
    const visible = conversation.messages.filter(
      ({ ordinal, deleted }) =>
        !deleted && ordinal > conversation.expired && !hidden.has(`${conversationId} ${ordinal}`),
    );
    const joined = conversation.settings.historyVisibility === 'joined' ? (member?.joinedOrdinal ?? 0) : 0;
    const floor = Math.max(member?.read ?? conversation.audience.get(userId) ?? 0, joined);
    const unread = visible.filter(({ ordinal, threadOrdinal }) => threadOrdinal === null && ordinal > floor);
    const mentions = member
      ? unread.filter(
          ({ sender, mentions: { users, all, here } }) =>
            sender !== userId && (users.includes(userId) || all || here),
        )
      : [];
    const isRootShown = (root: number): boolean =>
      root > Math.max(conversation.expired, joined) && !hidden.has(`${conversationId} ${root}`);
    const inThreads = visible.filter(({ ordinal, threadOrdinal }) => {
      if (threadOrdinal === null || !isRootShown(threadOrdinal)) return false;
      const read = conversation.follows.get(`${userId} ${threadOrdinal}`);
      return member && read !== undefined && ordinal > Math.max(read, member.joinedOrdinal);
    });
    return { unread: unread.length, mentions: mentions.length, threadUnread: inThreads.length };
  }

  isArchivedBy(conversationId: string, userId: string): boolean {
    const user = this.user(userId);
    const at = user.archived.get(conversationId);
    if (at === undefined) return false;
    return !(user.unarchive && this.#conversation(conversationId).lastMessageAt > at);
  }

  totalsOf(userId: string): { total: number; mentions: number; threads: number; conversations: number } {
    const totals = { total: 0, mentions: 0, threads: 0, conversations: 0 };
    for (const id of this.conversations.keys()) {
      const counts = this.countsOf(id, userId);
      if (!counts) continue;
      totals.mentions += counts.mentions;
      if (this.user(userId).muted.has(id) || this.isArchivedBy(id, userId)) continue;
      totals.total += counts.unread;
      totals.threads += counts.threadUnread;
      if (counts.unread > 0) totals.conversations += 1;
    }
    return totals;
  }
}
