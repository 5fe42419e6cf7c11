import {
  type Command,
  type CommandData,
  type CommandInput,
  type CommandType,
  commandSchemas,
  dataschemaOf,
  type ErrorCode,
  type EventData,
  type EventType,
  type LogEvent,
  type Role,
} from '@parley/contracts';
import { expect } from 'vitest';
import {
  type ConversationState,
  evolveConversation,
  initialConversation,
  type MessageFact,
} from './conversation.ts';
import { decideConversation } from './decide-conversation.ts';
import type { Decision, NewEvent } from './decider.ts';

/** Given these events, when this command comes, then these events follow, or it is refused with this code. */
export const CONVERSATION = '01900000-0000-7000-8000-00000000c0c0';
const T0 = Date.UTC(2026, 0, 1);

/** A UUIDv7 of a moment; `n` makes it another one. */
export function uuidv7At(n: number, at = T0 + n): string {
  const time = at.toString(16).padStart(12, '0');
  const tail = n.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-8${tail.slice(3, 6)}-${tail.slice(6)}${tail.slice(6)}`;
}

type Given<T extends CommandType> = CommandInput<T>;

/** A command as it comes out of the schema; throws when its data does not fit. */
export function command<T extends CommandType>(
  type: T,
  actor: string,
  data: Omit<Given<T>, 'conversationId'> & { conversationId?: string },
  n = 1,
): Command {
  const full = type === 'conversation.create' ? data : { conversationId: CONVERSATION, ...data };
  const parsed = commandSchemas[type].data.parse(full) as CommandData<T>;
  return { type, id: uuidv7At(n), actor, at: T0 + n, data: parsed } as Command;
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

/** A conversation that exists, with these roles. */
export function conversation(type: 'direct' | 'group' | 'channel', roles: Record<string, Role>): NewEvent {
  const members = Object.entries(roles).map(([userId, role]) => ({ userId, role }));
  return event('conversation.created', { type, members });
}

export function sent(ordinal: number): NewEvent {
  return event('message.sent', {
    messageId: uuidv7At(1_000 + ordinal),
    ordinal,
    body: 'hello',
    format: 'plain',
  });
}

export const messageId = (ordinal: number): string => uuidv7At(1_000 + ordinal);

export function fold(events: readonly NewEvent[]): ConversationState {
  return events
    .map((each, index) => enveloped(each, index + 1))
    .reduce(evolveConversation, initialConversation);
}

interface Outcome {
  emits(...events: NewEvent[]): Outcome;
  answering(result: unknown): Outcome;
  isNoOp(result: unknown): Outcome;
  isRefused(code: ErrorCode, path?: string): Outcome;
}

export function given(...events: NewEvent[]) {
  return {
    when(asked: Command, fact?: MessageFact): Outcome {
      return outcome(decideConversation(fold(events), asked, fact));
    },
  };
}

function outcome(decision: Decision): Outcome {
  const self: Outcome = {
    emits(...events) {
      expect(decision).toMatchObject({ kind: 'accept', events });
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
    isRefused(code, path) {
      expect(decision).toMatchObject({ kind: 'reject', code });
      const faults = decision.kind === 'reject' ? (decision.extras?.errors ?? []) : [];
      if (path !== undefined) expect(faults.map((fault) => fault.path)).toEqual([path]);
      return self;
    },
  };
  return self;
}
