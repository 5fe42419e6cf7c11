import {
  conversationSubject,
  DEFAULT_SETTINGS,
  dataschemaOf,
  type EventData,
  type EventType,
  encodeCommit,
  type LogEvent,
} from '@parley/contracts';
import { uuidv7 } from 'uuidv7';

const NOBODY = { users: [], all: false, here: false };

/** One conversation whose commits the bench writes itself, so that only what delivers them is measured. */
export class Room {
  readonly id = uuidv7();
  readonly subject = conversationSubject(this.id);
  readonly #owner: string;
  #version = 0;
  #ordinal = 0;

  constructor(owner: string) {
    this.#owner = owner;
  }

  created(userIds: readonly string[]): Uint8Array {
    const members = userIds.map((userId, index) => ({
      userId,
      role: index === 0 ? ('owner' as const) : ('member' as const),
    }));
    return this.#commit(
      'conversation.created',
      { type: 'group', title: 'bench', members, settings: DEFAULT_SETTINGS },
      uuidv7(),
    );
  }

  message(body: string): Uint8Array {
    const messageId = uuidv7();
    const data = {
      messageId,
      ordinal: ++this.#ordinal,
      replies: 0,
      body,
      format: 'plain' as const,
      attachments: [],
      mentions: NOBODY,
    };
    return this.#commit('message.sent', data, messageId);
  }

  #commit<T extends EventType>(type: T, data: EventData<T>, commandid: string): Uint8Array {
    const event = {
      specversion: '1.0',
      id: uuidv7(),
      source: '/parley',
      type,
      subject: `conversation/${this.id}`,
      time: new Date().toISOString(),
      dataschema: dataschemaOf(type),
      version: ++this.#version,
      actor: this.#owner,
      commandid,
      commandhash: 'bench',
      correlationid: commandid,
      data,
    } as LogEvent;
    return encodeCommit([event]);
  }
}
