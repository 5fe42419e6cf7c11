import { randomUUID } from 'node:crypto';
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

/** Ids for tests: `uuid(1)`, `uuid(2)`… */
export function uuid(n: number): string {
  return `0190a000-0000-7000-8000-${String(n).padStart(12, '0')}`;
}

export type Draft = { [T in EventType]: { type: T; actor?: string; data: EventData<T> } }[EventType];

export const drafts = {
  created: (title: string, ...userIds: string[]): Draft => ({
    type: 'conversation.created',
    data: {
      type: 'group',
      title,
      members: userIds.map((userId) => ({ userId, role: 'member' as const })),
      settings: DEFAULT_SETTINGS,
    },
  }),
  sent: (ordinal: number, body = `message ${ordinal}`, actor = 'ada'): Draft => ({
    type: 'message.sent',
    actor,
    data: {
      messageId: uuid(900_000 + ordinal),
      ordinal,
      body,
      format: 'plain',
      replies: 0,
      attachments: [],
      mentions: { users: [], all: false, here: false },
    },
  }),
  edited: (ordinal: number, body: string): Draft => ({
    type: 'message.edited',
    data: {
      messageId: uuid(900_000 + ordinal),
      ordinal,
      body,
      format: 'plain',
      mentions: { users: [], all: false, here: false },
    },
  }),
  deleted: (ordinal: number): Draft => ({
    type: 'message.deleted',
    data: { messageId: uuid(900_000 + ordinal), ordinal },
  }),
};

/** Appends commits as the write side does: versions are dense per conversation. */
export class LogWriter {
  readonly #log: EventLog;
  readonly #versions = new Map<string, number>();

  constructor(log: EventLog) {
    this.#log = log;
  }

  commit(conversationId: string, ...events: Draft[]): Promise<number> {
    const recorded = events.map((event) => {
      const version = (this.#versions.get(conversationId) ?? 0) + 1;
      this.#versions.set(conversationId, version);
      return envelope(event, `conversation/${conversationId}`, version);
    });
    return this.append(conversationSubject(conversationId), encodeCommit(recorded));
  }

  /** Read cursors; all conversations must be of the same partition. */
  reads(...entries: { conversationId: string; userId: string; readOrdinal: number }[]): Promise<number> {
    const at = new Date(0).toISOString();
    const event: Draft = {
      type: 'cursors.advanced',
      data: { entries: entries.map((entry) => ({ ...entry, at })) },
    };
    return this.append(
      readsSubject(entries[0]?.conversationId ?? ''),
      encodeCommit([envelope(event, 'reads/0')]),
    );
  }

  /** A user's own fact. */
  own(userId: string, event: Draft): Promise<number> {
    return this.append(
      userSubject(userId),
      encodeCommit([envelope({ ...event, actor: userId }, `user/${userId}`, 1)]),
    );
  }

  async append(subject: string, payload: Uint8Array): Promise<number> {
    const commitId = randomUUID();
    const outcome = await this.#log.append({ subject, commitId, payload, expectedLastSequence: 'any' });
    if (outcome.kind !== 'appended') throw new Error(`the test's commit to ${subject} was not accepted`);
    return outcome.sequence;
  }
}

function envelope({ type, data, actor = 'ada' }: Draft, subject: string, version?: number): LogEvent {
  return {
    specversion: '1.0',
    id: randomUUID(),
    source: '/parley',
    type,
    subject,
    time: '2026-01-02T03:04:05.678Z',
    dataschema: dataschemaOf(type),
    actor,
    ...(version !== undefined && { version }),
    data,
  } as LogEvent;
}
