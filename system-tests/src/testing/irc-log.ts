import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import {
  conversationSubject,
  DEFAULT_SETTINGS,
  dataschemaOf,
  type EventData,
  type EventType,
  encodeCommit,
  type LogEvent,
} from '@parley/contracts';
import type { EventLog } from '@parley/runtime';
import { uuidv7 } from 'uuidv7';

interface IrcLine {
  room: string;
  at: string;
  kind: string;
  nick?: string;
  text?: string;
}

const ROOMS_AT_ONCE = 64;

/** A room as the write side would have recorded it: one commit for each line that says something, one for who is new. */
class RecordedRoom {
  readonly id = uuidv7();
  readonly #log: EventLog;
  readonly #members: Set<string>;
  #version = 0;
  #sequence = 0;
  #ordinal = 0;

  constructor(log: EventLog, reader: string) {
    this.#log = log;
    this.#members = new Set([reader]);
  }

  async open(title: string, at: string): Promise<void> {
    const members = [...this.#members].map((userId) => ({ userId, role: 'owner' as const }));
    const data = { type: 'channel' as const, title, members, settings: DEFAULT_SETTINGS };
    await this.#append('conversation.created', data, { at, nick: 'irc' });
  }

  async add(line: IrcLine): Promise<void> {
    // The channel itself speaks without a name.
    const { nick, at } = line;
    if (nick === undefined) return;
    const by = { nick, at };
    if (!this.#members.has(nick)) {
      this.#members.add(nick);
      const members = [{ userId: nick, role: 'member' as const }];
      await this.#append('members.added', { members, via: 'join', ordinal: this.#ordinal }, by);
    }
    // The source keeps colour codes; the command API refuses control characters.
    const body = (line.text ?? '').replace(/\p{Cc}/gu, '').trim();
    if (body === '') return;
    this.#ordinal += 1;
    await this.#append(
      'message.sent',
      {
        ...{
          messageId: uuidv7(),
          ordinal: this.#ordinal,
          replies: 0,
          body,
          format: 'plain',
          attachments: [],
        },
        mentions: { users: [], all: false, here: false },
      },
      by,
    );
  }

  async #append<T extends EventType>(
    type: T,
    data: EventData<T>,
    { at, nick }: { at: string; nick: string },
  ): Promise<void> {
    const commandid = uuidv7();
    const event = {
      ...{ specversion: '1.0', id: uuidv7(), source: '/parley', type, subject: `conversation/${this.id}` },
      ...{ time: at, dataschema: dataschemaOf(type), version: ++this.#version, actor: nick, data },
      ...{ commandid, commandhash: 'irc-irc-irc-irc-irc-ir', correlationid: commandid },
    } as LogEvent;
    const outcome = await this.#log.append({
      subject: conversationSubject(this.id),
      commitId: event.id,
      payload: encodeCommit([event]),
      expectedLastSequence: this.#sequence,
    });
    if (outcome.kind !== 'appended') throw new Error(`${this.id} conflicts with itself`);
    this.#sequence = outcome.sequence;
  }
}

/**
 * Records IRC lines (NDJSON, gzipped; the first `most` of them) as conversations that `reader` is in, many side by side.
 * Returns their ids.
 */
export async function recordIrc(
  log: EventLog,
  options: { file: string; reader: string; most: number },
): Promise<string[]> {
  const rooms = new Map<string, IrcLine[]>();
  const lines = createInterface({ input: createReadStream(options.file).pipe(createGunzip()) });
  let read = 0;
  for await (const text of lines) {
    if (++read > options.most) break;
    const line = JSON.parse(text) as IrcLine;
    const known = rooms.get(line.room) ?? [];
    known.push(line);
    rooms.set(line.room, known);
  }
  const open = [...rooms];
  const ids: string[] = [];
  const recordRooms = async (): Promise<void> => {
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [title, lines] = next;
      const room = new RecordedRoom(log, options.reader);
      ids.push(room.id);
      await room.open(title, lines[0]?.at ?? '');
      for (const line of lines) await room.add(line);
    }
  };
  await Promise.all(Array.from({ length: ROOMS_AT_ONCE }, recordRooms));
  return ids;
}
