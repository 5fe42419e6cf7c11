import {
  conversationSubject,
  DEFAULT_SETTINGS,
  dataschemaOf,
  type EventData,
  type EventType,
  encodeCommit,
  type LogEvent,
  readsSubject,
  userSubject,
} from '@parley/contracts';
import type { EventLog } from '@parley/runtime';

/** Conversation ids for tests: `conversation(1)`, `conversation(2)`… */
export function conversation(n: number): string {
  return `0190a000-0000-7000-8000-${String(n).padStart(12, '0')}`;
}

export type Draft = { [T in EventType]: { type: T; data: EventData<T> } }[EventType];

export const drafts = {
  created: (...userIds: string[]): Draft => ({
    type: 'conversation.created',
    data: {
      type: 'group',
      members: userIds.map((userId) => ({ userId, role: 'member' as const })),
      settings: DEFAULT_SETTINGS,
    },
  }),
  added: (...userIds: string[]): Draft => ({
    type: 'members.added',
    data: { via: 'add', ordinal: 0, members: userIds.map((userId) => ({ userId, role: 'member' as const })) },
  }),
  receipts: (receipts: boolean): Draft => ({
    type: 'conversation.updated',
    data: { settings: { receipts } },
  }),
  deleted: (): Draft => ({ type: 'conversation.deleted', data: {} }),
  banned: (userId: string, role?: 'member'): Draft => ({
    type: 'member.banned',
    data: { userId, ...(role && { role }) },
  }),
  lowered: (userId: string, ordinal: number): Draft => ({
    type: 'cursor.lowered',
    data: { userId, ordinal },
  }),
  edited: (ordinal: number, body = `edited ${ordinal}`): Draft => ({
    type: 'message.edited',
    data: {
      messageId: conversation(900_000 + ordinal),
      ordinal,
      body,
      format: 'plain',
      mentions: { users: [], all: false, here: false },
    },
  }),
  messageDeleted: (ordinal: number): Draft => ({
    type: 'message.deleted',
    data: { messageId: conversation(900_000 + ordinal), ordinal },
  }),
  expired: (throughOrdinal: number): Draft => ({ type: 'messages.expired', data: { throughOrdinal } }),
  left: (userId: string): Draft => ({ type: 'member.left', data: { userId } }),
  removed: (...userIds: string[]): Draft => ({ type: 'members.removed', data: { userIds } }),
  sent: (ordinal: number, body = `message ${ordinal}`): Draft => ({
    type: 'message.sent',
    data: {
      messageId: conversation(900_000 + ordinal),
      ordinal,
      body,
      format: 'plain',
      replies: 0,
      attachments: [],
      mentions: { users: [], all: false, here: false },
    },
  }),
};

type Cursor = EventData<'cursors.advanced'>['entries'][number];

/** Writes commits as the write side does: dense versions per conversation, one commit per call. */
export class TestWriter {
  readonly #log: EventLog;
  readonly #versions = new Map<string, number>();
  readonly #heads = new Map<string, number>();
  #ids = 0;

  constructor(log: EventLog) {
    this.#log = log;
  }

  version(conversationId: string): number {
    return this.#versions.get(conversationId) ?? 0;
  }

  async commit(conversationId: string, ...events: Draft[]): Promise<number> {
    const subject = conversationSubject(conversationId);
    let version = this.version(conversationId);
    const recorded = events.map((event) =>
      this.#envelope(event, `conversation/${conversationId}`, ++version),
    );
    this.#versions.set(conversationId, version);
    const sequence = await this.#append(subject, recorded, this.#heads.get(subject) ?? 0);
    this.#heads.set(subject, sequence);
    return sequence;
  }

  /** Read cursors of one partition; all conversations must be of the same one. */
  async reads(entries: Omit<Cursor, 'at'>[]): Promise<number> {
    const at = new Date(0).toISOString();
    const event: Draft = {
      type: 'cursors.advanced',
      data: { entries: entries.map((entry) => ({ ...entry, at })) },
    };
    return this.#append(
      readsSubject(entries[0]?.conversationId ?? ''),
      [this.#envelope(event, 'reads/0')],
      'any',
    );
  }

  /** A user's own facts. */
  async own(userId: string, ...events: Draft[]): Promise<number> {
    const subject = userSubject(userId);
    const recorded = events.map((event) => this.#envelope(event, `user/${userId}`, 1));
    return this.#append(subject, recorded, 'any');
  }

  async #append(subject: string, events: LogEvent[], expectedLastSequence: number | 'any'): Promise<number> {
    const commitId = `commit-${this.#nextId()}`;
    const payload = encodeCommit(events);
    const outcome = await this.#log.append({ subject, commitId, payload, expectedLastSequence });
    if (outcome.kind !== 'appended') throw new Error(`the test's commit to ${subject} was not accepted`);
    return outcome.sequence;
  }

  #envelope(event: Draft, subject: string, version?: number): LogEvent {
    return {
      specversion: '1.0',
      id: this.#nextId(),
      source: '/parley',
      subject,
      time: new Date(0).toISOString(),
      dataschema: dataschemaOf(event.type),
      actor: 'writer',
      commandid: '0190a000-0000-7000-8000-000000000001',
      commandhash: 'hash',
      ...(version !== undefined && { version }),
      ...event,
    } as LogEvent;
  }

  #nextId(): string {
    return `0190a000-0000-7000-9000-${String(++this.#ids).padStart(12, '0')}`;
  }
}
