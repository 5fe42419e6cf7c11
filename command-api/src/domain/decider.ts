import type {
  CommandResult,
  CommandType,
  ErrorCode,
  EventData,
  EventType,
  ProblemExtras,
} from '@parley/contracts';

/** An event as a decider makes it; the write side adds the envelope. */
export type NewEvent = { [T in EventType]: { type: T; data: EventData<T> } }[EventType];

/** `accept` without events is a no-op: a success that changes nothing. */
export type Decision =
  | { kind: 'accept'; events: NewEvent[]; result: CommandResult<CommandType> }
  | { kind: 'reject'; code: ErrorCode; extras?: ProblemExtras };

export function accept<T extends CommandType>(events: NewEvent[], result: CommandResult<T>): Decision {
  return { kind: 'accept', events, result };
}

export function reject(code: ErrorCode, extras?: ProblemExtras): Decision {
  return { kind: 'reject', code, ...(extras ? { extras } : {}) };
}

export function rejectField(path: string, message: string): Decision {
  return reject('invalid-request', { errors: [{ path, message }] });
}
