import {
  DEFAULT_SETTINGS,
  dataschemaOf,
  type EventData,
  type EventType,
  type LogEvent,
} from '@parley/contracts';
import { NaiveFold } from '../naive-fold.ts';

const NOBODY = { users: [], all: false, here: false };

export const ROOM = '0f9f2f00-0000-7000-8000-000000000001';

/** A log of one conversation, made by hand: every commit holds one event. */
export class HandMadeLog {
  readonly commits: LogEvent[] = [];
  #version = 0;
  #messages = 0;

  add<T extends EventType>(type: T, actor: string, data: EventData<T>): this {
    const isCursor = type === 'cursors.advanced';
    this.commits.push({
      specversion: '1.0',
      id: `event-${this.commits.length}`,
      source: '/parley',
      type,
      subject: isCursor ? 'reads/07' : `conversation/${ROOM}`,
      time: '2020-01-01T00:00:00.000Z',
      dataschema: dataschemaOf(type),
      ...(!isCursor && { version: ++this.#version }),
      actor,
      data,
    } as LogEvent);
    return this;
  }

  create(): this {
    return this.add('conversation.created', 'owner', {
      type: 'channel',
      members: [{ userId: 'owner', role: 'owner' }],
      settings: DEFAULT_SETTINGS,
    });
  }

  join(userId: string): this {
    const members = [{ userId, role: 'member' as const }];
    return this.add('members.added', userId, { members, via: 'join', ordinal: this.#messages });
  }

  leave(userId: string): this {
    return this.add('member.left', userId, { userId });
  }

  say(actor: string, body = 'hello'): this {
    const ordinal = ++this.#messages;
    return this.add('message.sent', actor, {
      messageId: messageId(ordinal),
      ordinal,
      replies: 0,
      body,
      format: 'plain',
      attachments: [],
      mentions: NOBODY,
    });
  }

  edit(ordinal: number, body: string): this {
    return this.add('message.edited', 'owner', {
      messageId: messageId(ordinal),
      ordinal,
      body,
      format: 'plain',
      mentions: NOBODY,
    });
  }

  remove(ordinal: number): this {
    return this.add('message.deleted', 'owner', { messageId: messageId(ordinal), ordinal });
  }

  read(userId: string, readOrdinal: number): this {
    const at = '2020-01-01T00:00:00.000Z';
    return this.add('cursors.advanced', 'parley', {
      entries: [{ conversationId: ROOM, userId, readOrdinal, at }],
    });
  }
}

const messageId = (ordinal: number): string => `0f9f2f00-0000-7000-8000-${String(ordinal).padStart(12, '0')}`;

export function fold(log: HandMadeLog) {
  const fold = new NaiveFold();
  for (const event of log.commits) fold.apply(event);
  const conversation = fold.conversations.get(ROOM);
  if (!conversation) throw new Error('no conversation');
  return { conversation, flaws: fold.flaws };
}
