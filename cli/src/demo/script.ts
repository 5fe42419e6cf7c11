import { type CommandInput, type CommandType, commandSchemas, type ErrorCode } from '@parley/contracts';
import { commandIdOf, conversationIdOf, userIdOf } from './ids.ts';
import type { IrcLine } from './irc-line.ts';

/** Owns every room, says what the channel itself says, and listens everywhere. No nickname has a colon. */
export const KEEPER = 'irc:keeper';

const EDITED_EVERY = 97;
const DELETED_EVERY = 211;
const READ_EVERY = 4;
/** The keeper shows a visitor in, and out again after as many messages. */
const VISIT_EVERY = 400;
const VISITOR = 'irc:visitor';
/** How many speakers back the one who reads is. */
const READER_LAG = 5;
/** Replies reach back a few hundred lines at most; a room of any length stays bounded. */
const REMEMBERED_LINES = 10_000;

export type Step = {
  [T in CommandType]: {
    key: string;
    type: T;
    data: CommandInput<T>;
    /** The refusal this command must get, because the line's text is not allowed as a body. */
    refused?: ErrorCode;
  };
}[CommandType];

/** What one person does at once: the steps of a turn go in order, and a turn after the one before it in its room. */
export interface Turn {
  actor: string;
  steps: Step[];
}

const isBody = (text: string): boolean =>
  commandSchemas['message.send'].data.shape.body.safeParse(text).success;

/**
 * One room of an IRC log as commands. Deterministic: the same lines give the same commands with the same keys. Nobody
 * joins who is in, and nobody leaves who is not: a no-op leaves no trace in the log, so its repetition in a second run
 * would be decided against a later state.
 */
export class RoomScript {
  readonly conversationId: string;
  readonly #room: string;
  readonly #users = new Map<string, string>();
  readonly #members = new Set([KEEPER]);
  readonly #messages = new Map<number, string>();
  /** Own message that its author will change at their next word. */
  readonly #changes = new Map<string, { change: 'edit' | 'delete'; messageId: string; text: string }>();
  #speakers: string[] = [];
  #sent = 0;
  #opened = false;

  constructor(room: string) {
    this.#room = room;
    this.conversationId = conversationIdOf(room);
  }

  /** Lines must come in the room's order. */
  turnsOf(line: IrcLine): Turn[] {
    const opening = this.#opened ? [] : [this.#open(line)];
    return [...opening, ...this.#play(line)].filter((turn) => turn.steps.length > 0);
  }

  #play(line: IrcLine): Turn[] {
    const actor = this.#userOf(line.nick);
    switch (line.kind) {
      case 'join':
        return [{ actor, steps: this.#enter(line, actor) }];
      case 'part':
      case 'quit':
        return [{ actor, steps: [...this.#enter(line, actor), this.#leave(line, actor)] }];
      case 'rename':
        return [{ actor, steps: this.#rename(line, actor) }];
      case 'message':
      case 'action':
      case 'notice':
        return this.#say(line, actor);
    }
  }

  #open(line: IrcLine): Turn {
    this.#opened = true;
    const data = { type: 'channel', conversationId: this.conversationId, title: this.#room } as const;
    const step = { key: this.#key(line, 'create'), type: 'conversation.create', data } as const;
    return { actor: KEEPER, steps: [step] };
  }

  /** A person keeps the user id of the name they came with. */
  #userOf(nick: string | undefined): string {
    return nick === undefined ? KEEPER : (this.#users.get(nick) ?? userIdOf(nick));
  }

  #rename(line: IrcLine, actor: string): Step[] {
    if (line.nick !== undefined) this.#users.delete(line.nick);
    if (line.newNick) this.#users.set(line.newNick, actor);
    return this.#enter(line, actor);
  }

  /** Who speaks, goes or changes names without having come was there before the log began. */
  #enter(line: IrcLine, actor: string): Step[] {
    if (this.#members.has(actor)) return [];
    this.#members.add(actor);
    const data = { conversationId: this.conversationId };
    return [{ key: this.#key(line, 'join'), type: 'conversation.join', data }];
  }

  #leave(line: IrcLine, actor: string): Step {
    this.#members.delete(actor);
    this.#changes.delete(actor);
    return {
      key: this.#key(line, 'leave'),
      type: 'conversation.leave',
      data: { conversationId: this.conversationId },
    };
  }

  #say(line: IrcLine, actor: string): Turn[] {
    const turns = [{ actor, steps: [...this.#enter(line, actor), ...this.#change(line, actor)] }];
    const send = this.#send(line, actor);
    turns[0]?.steps.push(send);
    if (send.refused) return turns;
    this.#sent++;
    this.#messages.set(line.line, send.key);
    this.#forgetOldest();
    this.#plan(actor, send.key, line.text ?? '');
    return [...turns, ...this.#read(line, actor), ...this.#visit(line)];
  }

  #send(line: IrcLine, actor: string) {
    const body = line.text ?? '';
    const metadata = {
      ...(line.kind !== 'message' && { kind: line.kind }),
      ...(line.nick !== undefined && line.nick !== actor && { nick: line.nick }),
    };
    const replyTo = line.replyTo?.map((answered) => this.#messages.get(answered)).find(Boolean);
    const data = {
      conversationId: this.conversationId,
      body,
      ...(replyTo && { replyTo }),
      ...(Object.keys(metadata).length > 0 && { metadata }),
    };
    const refused = isBody(body) ? {} : ({ refused: 'invalid-request' } as const);
    return { key: this.#key(line, 'send'), type: 'message.send' as const, data, ...refused };
  }

  #plan(actor: string, messageId: string, text: string): void {
    if (this.#sent % DELETED_EVERY === 0) this.#changes.set(actor, { change: 'delete', messageId, text });
    else if (this.#sent % EDITED_EVERY === 0) this.#changes.set(actor, { change: 'edit', messageId, text });
  }

  #change(line: IrcLine, actor: string): Step[] {
    const planned = this.#changes.get(actor);
    if (!planned) return [];
    this.#changes.delete(actor);
    const { messageId } = planned;
    const target = { conversationId: this.conversationId, messageId };
    if (planned.change === 'delete') {
      const data = { ...target, reason: 'demo' };
      return [{ key: this.#key(line, 'delete'), type: 'message.delete', data }];
    }
    const body = `${planned.text} (edited)`;
    if (!isBody(body)) return [];
    return [{ key: this.#key(line, 'edit'), type: 'message.edit', data: { ...target, body } }];
  }

  /** Somebody who spoke a while ago has read up to here. The author of the newest message has, by sending it. */
  #read(line: IrcLine, speaker: string): Turn[] {
    this.#speakers.push(speaker);
    const reader = this.#speakers.length > READER_LAG ? this.#speakers.shift() : undefined;
    const due = this.#sent % READ_EVERY === 0;
    if (!due || reader === undefined || reader === speaker || !this.#members.has(reader)) return [];
    const data = { conversationId: this.conversationId, ordinal: this.#sent };
    return [{ actor: reader, steps: [{ key: this.#key(line, 'read'), type: 'messages.read', data }] }];
  }

  #visit(line: IrcLine): Turn[] {
    if (this.#sent % VISIT_EVERY !== 0) return [];
    const { conversationId } = this;
    const key = this.#key(line, 'visit');
    if (this.#members.delete(VISITOR)) {
      const data = { conversationId, userIds: [VISITOR], reason: 'demo' };
      return [{ actor: KEEPER, steps: [{ key, type: 'members.remove', data }] }];
    }
    this.#members.add(VISITOR);
    const data = { conversationId, members: [{ userId: VISITOR, role: 'guest' as const }] };
    return [{ actor: KEEPER, steps: [{ key, type: 'members.add', data }] }];
  }

  #forgetOldest(): void {
    const oldest = this.#messages.keys().next().value;
    if (this.#messages.size > REMEMBERED_LINES && oldest !== undefined) this.#messages.delete(oldest);
  }

  #key(line: IrcLine, purpose: string): string {
    return commandIdOf(this.#room, line.line, Date.parse(line.at), purpose);
  }
}
