import { userIdSchema } from '@parley/contracts';
import { cleanText, shortText } from '../body.ts';
import { ConversationScript } from '../conversation-script.ts';
import type { Conversation, Item, SkippedItem } from '../item.ts';
import type { UserMap } from '../user-map.ts';
import type { NdjsonLine } from './ndjson-line.ts';

/** Keys must follow from ids alone: an answer names an id, and not when that was said. */
const LONG_AGO_MS = Date.UTC(2004, 0);
const LONGEST_NAME = 100;

export interface RoomOptions {
  users: UserMap;
  owner: string;
}

/** One room of an NDJSON file. What its first line says of it (type, title, members) holds for all of them. */
export class NdjsonRoom {
  readonly script: ConversationScript;
  readonly #options: RoomOptions;
  /** Who took another name keeps the id they came with. */
  readonly #renamed = new Map<string, string>();
  #lines = 0;

  /** Throws RoomFault when the first line cannot begin a room. */
  constructor(first: NdjsonLine, options: RoomOptions) {
    this.#options = options;
    const { room, type = 'channel', title, members = [] } = first;
    const users = [...new Set(members.map((member) => this.#userOf(member)))];
    if (type === 'direct' && users.length !== 2) {
      throw new RoomFault('a direct conversation names two people in `members`, on its first line');
    }
    const conversation: Conversation = {
      key: `ndjson ${room}`,
      type,
      title: type === 'direct' ? undefined : (title ?? room),
      members: users,
      finalMembers: null,
    };
    this.script = new ConversationScript(conversation, options.owner, () => LONG_AGO_MS);
  }

  itemsOf(line: NdjsonLine, place: string): Item[] {
    const number = this.#lines++;
    const fault = (reason: string): SkippedItem[] => [{ kind: 'skipped', place, reason, loss: true }];
    const { type } = this.script.conversation;
    if (line.type !== undefined && line.type !== type) {
      return fault(`type ${line.type} in a room that began as ${type}`);
    }
    const { newNick, kind } = line;
    const id = line.id ?? line.line ?? `line ${number}`;
    const shown = line.user ?? line.nick;
    // What nobody said, the room itself said.
    if (shown === undefined && kind !== 'notice') return fault('no user');
    const user = shown === undefined ? this.#options.owner : this.#userOf(shown);
    if (!userIdSchema.safeParse(user).success)
      return fault('user must be a user id, or be in the map of --users');
    switch (kind) {
      case 'join':
        return [{ kind, place, id, user }];
      case 'leave':
      case 'part':
      case 'quit':
        return [{ kind: 'leave', place, id, user }];
      case 'rename':
        if (shown !== undefined) this.#renamed.delete(shown);
        if (newNick !== undefined) this.#renamed.set(newNick, user);
        return [{ kind: 'join', place, id, user }];
      default:
        return [this.#message(line, { place, id, user, shown })];
    }
  }

  #message(
    { kind, at, text = '', thread, replyTo, reactions = [] }: NdjsonLine,
    said: { place: string; id: string; user: string; shown: string | undefined },
  ): Item {
    const { place, id, user, shown } = said;
    const name = shortText(shown, LONGEST_NAME);
    const imported = {
      from: 'ndjson',
      id: cleanText(id),
      at: new Date(at).toISOString(),
      ...(kind !== 'message' && { kind }),
      ...(name !== undefined && shown !== user && { name }),
    };
    return {
      kind: 'message',
      place,
      id,
      user,
      text,
      imported,
      answerable: true,
      thread,
      replyTo,
      reactions: reactions.map(({ emoji, user }) => ({ emoji, user: this.#userOf(user) })),
    };
  }

  #userOf(name: string): string {
    return this.#renamed.get(name) ?? this.#options.users.get(name) ?? name;
  }
}

/** A line that is well-formed, but cannot be the first of its room. */
export class RoomFault extends Error {
  override name = 'RoomFault';
}
