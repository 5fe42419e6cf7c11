import {
  type Command,
  type CommandData,
  type CommandInput,
  type CommandType,
  type ConversationType,
  commandSchemas,
  DEFAULT_SETTINGS,
  dataschemaOf,
  type ErrorCode,
  type EventData,
  type EventType,
  isConversationEvent,
  type LogEvent,
  type Role,
  type Settings,
} from '@parley/contracts';
import { expect } from 'vitest';
import { type ConversationState, evolveConversation, initialConversation } from './conversation.ts';
import { decideConversation } from './decide-conversation.ts';
import type { Confirmation, Decision, Facts, MessageFact, NewEvent } from './decider.ts';

/** Given these events, when this command comes, then these events follow, or it is refused with this code. */
export const CONVERSATION = '01900000-0000-7000-8000-00000000c0c0';
export const T0 = Date.UTC(2026, 0, 1);

/** A UUIDv7 of a moment; `n` makes it another one. */
export function uuidv7At(n: number, at = T0 + n): string {
  const time = at.toString(16).padStart(12, '0');
  const tail = n.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-8${tail.slice(3, 6)}-${tail.slice(6)}${tail.slice(6)}`;
}

type Given<T extends CommandType> = CommandInput<T>;

/** A command as it comes out of the schema, `n` milliseconds after T0; throws when its data does not fit. */
export function command<T extends CommandType>(
  type: T,
  actor: string,
  data: Omit<Given<T>, 'conversationId'> & { conversationId?: string },
  n = 1,
  segments: readonly string[] = [],
): Command {
  const { data: schema } = commandSchemas[type];
  const addressed = type !== 'conversation.create' && 'conversationId' in schema.shape;
  const full = addressed ? { conversationId: CONVERSATION, ...data } : data;
  const parsed = schema.parse(full) as CommandData<T>;
  return { type, id: uuidv7At(n), actor, segments, at: T0 + n, data: parsed } as Command;
}

/** The envelope of an event in tests: only what a fold looks at differs. */
export function enveloped(
  event: NewEvent,
  version: number,
  actor = 'anna',
  id = uuidv7At(version),
): LogEvent {
  return {
    specversion: '1.0',
    id: `event-${version}`,
    source: '/parley',
    type: event.type,
    subject: `conversation/${CONVERSATION}`,
    time: new Date(T0 + version).toISOString(),
    dataschema: dataschemaOf(event.type),
    version,
    actor,
    commandid: id,
    commandhash: 'hash',
    data: event.data,
  } as LogEvent;
}

export function event<T extends EventType>(type: T, data: EventData<T>): NewEvent {
  return { type, data } as NewEvent;
}

/** A conversation that exists, with these roles; a broadcast for everybody unless `more` says otherwise. */
export function conversation(
  type: ConversationType,
  roles: Record<string, Role>,
  more: Partial<Omit<EventData<'conversation.created'>, 'settings'>> & { settings?: Partial<Settings> } = {},
): NewEvent {
  const members = Object.entries(roles).map(([userId, role]) => ({ userId, role }));
  const audience = type === 'broadcast' ? { audience: { kind: 'all' as const } } : {};
  const settings = { ...DEFAULT_SETTINGS, ...more.settings };
  return event('conversation.created', { type, members, ...audience, ...more, settings });
}

export const NOBODY = { users: [], all: false, here: false };

/** A message of the main timeline unless `more` says otherwise. */
export function sent(ordinal: number, more: Partial<EventData<'message.sent'>> = {}): NewEvent {
  return event('message.sent', {
    messageId: messageId(ordinal),
    ordinal,
    replies: 0,
    body: 'hello',
    format: 'plain',
    attachments: [],
    mentions: NOBODY,
    ...more,
  });
}

export const messageId = (ordinal: number): string => uuidv7At(1_000 + ordinal);

/** What the log says of a message, by default of anna's first one. */
export function fact(more: Partial<MessageFact> = {}): MessageFact {
  return { senderId: 'anna', ordinal: 1, sentAt: T0, threadOrdinal: null, ...more };
}

/** An event of somebody other than anna. */
export interface Attributed {
  by: string;
  event: NewEvent;
}

export const by = (user: string, made: NewEvent): Attributed => ({ by: user, event: made });

/** Versions count from 1, and an event is made as many milliseconds after T0. */
export function fold(events: readonly (NewEvent | Attributed)[]): ConversationState {
  return events
    .map((each, index) =>
      'by' in each ? enveloped(each.event, index + 1, each.by) : enveloped(each, index + 1),
    )
    .filter(isConversationEvent)
    .reduce(evolveConversation, initialConversation);
}

interface Outcome {
  /** Exactly these events. */
  emits(...events: NewEvent[]): Outcome;
  answering(result: unknown): Outcome;
  isNoOp(result: unknown): Outcome;
  /** No event, and the conversation's word for what is written elsewhere. */
  confirms(confirmed: Confirmation): Outcome;
  isRefused(code: ErrorCode, path?: string): Outcome;
}

export function given(...events: (NewEvent | Attributed)[]) {
  return {
    when(asked: Command, facts: Facts = {}): Outcome {
      return outcome(decideConversation(fold(events), asked, facts));
    },
  };
}

function outcome(decision: Decision): Outcome {
  const self: Outcome = {
    emits(...events) {
      expect(decision).toMatchObject({ kind: 'accept' });
      expect(decision.kind === 'accept' && decision.events).toEqual(events);
      return self;
    },
    answering(result) {
      expect(decision).toMatchObject({ kind: 'accept', result });
      return self;
    },
    isNoOp(result) {
      expect(decision).toEqual({ kind: 'accept', events: [], result });
      return self;
    },
    confirms(confirmed) {
      expect(decision).toMatchObject({ kind: 'accept', events: [] });
      expect(decision.kind === 'accept' && decision.confirmed).toEqual(confirmed);
      return self;
    },
    isRefused(code, path) {
      expect(decision).toMatchObject({ kind: 'reject', code });
      const faults = decision.kind === 'reject' ? (decision.extras?.errors ?? []) : [];
      if (path !== undefined) expect(faults.map((fault) => fault.path)).toEqual([path]);
      return self;
    },
  };
  return self;
}
