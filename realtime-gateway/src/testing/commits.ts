import {
  conversationSubject,
  dataschemaOf,
  type EventData,
  type EventType,
  encodeCommit,
  type LogEvent,
  readsSubject,
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
    data: { type: 'group', members: userIds.map((userId) => ({ userId, role: 'member' as const })) },
  }),
  added: (...userIds: string[]): Draft => ({
    type: 'members.added',
    data: { via: 'add', ordinal: 0, members: userIds.map((userId) => ({ userId, role: 'member' as const })) },
  }),
  left: (userId: string): Draft => ({ type: 'member.left', data: { userId } }),
  removed: (...userIds: string[]): Draft => ({ type: 'members.removed', data: { userIds } }),
  sent: (ordinal: number, body = `message ${ordinal}`): Draft => ({
    type: 'message.sent',
    data: { messageId: conversation(900_000 + ordinal), ordinal, body, format: 'plain' },
  }),
};

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
  async reads(entries: { conversationId: string; userId: string; readOrdinal: number }[]): Promise<number> {
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
      ...(version !== undefined && { version }),
      ...event,
    } as LogEvent;
  }

  #nextId(): string {
    return `0190a000-0000-7000-9000-${String(++this.#ids).padStart(12, '0')}`;
  }
}
