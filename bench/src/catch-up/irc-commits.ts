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
import type { IrcLine } from './read-lines.ts';

const NOBODY = { users: [], all: false, here: false };

export interface MadeCommit {
  subject: string;
  commitId: string;
  payload: Uint8Array;
  events: number;
}

/**
 * What the command API would have stored for one room: who is met first owns the channel, others join when they are
 * first seen, leave when they part, and every line said is a message.
 */
class IrcRoom {
  readonly #id = uuidv7();
  readonly #subject = conversationSubject(this.#id);
  readonly #title: string;
  readonly #present = new Set<string>();
  readonly #messageOfLine = new Map<number, string>();
  #owner: string | null = null;
  #version = 0;
  #ordinal = 0;

  constructor(title: string) {
    this.#title = title;
  }

  *commitsOf(line: IrcLine): Generator<MadeCommit> {
    // Notices are the server's and name nobody; a rename is not a fact of a conversation.
    if (line.kind === 'notice' || line.kind === 'rename') return;
    const leaves = line.kind === 'part' || line.kind === 'quit';
    if (leaves) {
      if (line.nick === this.#owner || !this.#present.delete(line.nick)) return;
      yield this.#commit('member.left', { userId: line.nick }, line);
      return;
    }
    yield* this.#arrive(line);
    if (line.kind === 'message' || line.kind === 'action') yield* this.#say(line);
  }

  *#arrive(line: IrcLine): Generator<MadeCommit> {
    if (this.#present.has(line.nick)) return;
    this.#present.add(line.nick);
    if (this.#owner === null) {
      this.#owner = line.nick;
      const members = [{ userId: line.nick, role: 'owner' as const }];
      yield this.#commit(
        'conversation.created',
        { type: 'channel', title: this.#title, members, settings: DEFAULT_SETTINGS },
        line,
      );
      return;
    }
    const members = [{ userId: line.nick, role: 'member' as const }];
    yield this.#commit('members.added', { members, via: 'join', ordinal: this.#ordinal }, line);
  }

  *#say(line: IrcLine): Generator<MadeCommit> {
    // The source keeps colour codes; the command API refuses control characters.
    const body = (line.text ?? '').replace(/\p{Cc}/gu, '');
    if (body.trim() === '') return;
    const messageId = uuidv7();
    this.#messageOfLine.set(line.line, messageId);
    const replyTo = this.#messageOfLine.get(line.replyTo?.[0] ?? -1);
    const data = {
      messageId,
      ordinal: ++this.#ordinal,
      replies: 0,
      body,
      format: 'plain' as const,
      attachments: [],
      mentions: NOBODY,
    };
    yield this.#commit('message.sent', replyTo ? { ...data, replyTo } : data, line, messageId);
  }

  #commit<T extends EventType>(
    type: T,
    data: EventData<T>,
    { at, nick }: IrcLine,
    commandid = uuidv7(),
  ): MadeCommit {
    const event = {
      specversion: '1.0',
      id: uuidv7(),
      source: '/parley',
      type,
      subject: `conversation/${this.#id}`,
      time: at,
      dataschema: dataschemaOf(type),
      version: ++this.#version,
      actor: nick,
      commandid,
      commandhash: 'bench-bench-bench-benc',
      correlationid: commandid,
      data,
    } as LogEvent;
    return { subject: this.#subject, commitId: event.id, payload: encodeCommit([event]), events: 1 };
  }
}

/**
 * Rooms side by side, line by line, as a busy server would see them; from the beginning again under new ids until there
 * are `commits` of them.
 */
export function* ircCommits(
  rooms: ReadonlyMap<string, readonly IrcLine[]>,
  commits: number,
): Generator<MadeCommit> {
  let made = 0;
  for (let copy = 1; ; copy++) {
    const open = [...rooms].map(([name, lines]) => ({ room: new IrcRoom(`${name} ${copy}`), lines }));
    const longest = Math.max(...open.map(({ lines }) => lines.length));
    for (let index = 0; index < longest; index++) {
      for (const { room, lines } of open) {
        const line = lines[index];
        for (const commit of line ? room.commitsOf(line) : []) {
          yield commit;
          if (++made === commits) return;
        }
      }
    }
  }
}
