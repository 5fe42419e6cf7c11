import type { CommandInput, CommandType, ErrorCode, UserEvent } from '@parley/contracts';
import { expect } from 'vitest';
import type { KnownFacts } from './aggregate.ts';
import { decideUser } from './decide-user.ts';
import type { NewEvent } from './decider.ts';
import { command, enveloped, T0 } from './decider-spec.ts';
import { evolveUser, initialUser, type UserState, userStored } from './user.ts';

/** A time this many milliseconds after the beginning of a test. */
export const at = (ms: number): string => new Date(T0 + ms).toISOString();

export function foldUser(events: readonly NewEvent[]): UserState {
  return events
    .map((each, index) => enveloped(each, index + 1) as UserEvent)
    .reduce((state, made) => userStored(evolveUser(state, made), [made], sequenceOf(made)), initialUser);
}

/** Where a test's log holds an event: each is a commit of its own. */
export const sequenceOf = ({ version = 0 }: Pick<UserEvent, 'version'>): number => 100 + version;

/** Given these events, when anna asks for this, then these events follow, or it is refused. */
export function givenUser(...events: NewEvent[]) {
  return {
    when<T extends CommandType>(type: T, data: CommandInput<T>, facts: KnownFacts = {}, n = 1) {
      const decision = decideUser(
        foldUser(events),
        command<CommandType>(type, 'anna', data as object, n),
        facts,
      );
      const accepted = (made: NewEvent[], result: unknown = {}) =>
        expect(decision).toMatchObject({ kind: 'accept', events: made, result });
      return {
        emits: (...made: NewEvent[]) => accepted(made),
        answers: (result: unknown, ...made: NewEvent[]) => accepted(made, result),
        isNoOp: () => expect(decision).toEqual({ kind: 'accept', events: [], result: {} }),
        isRefused(code: ErrorCode, path?: string) {
          expect(decision).toMatchObject({ kind: 'reject', code });
          const faults = decision.kind === 'reject' ? (decision.extras?.errors ?? []) : [];
          expect(faults.map((fault) => fault.path)).toEqual(path === undefined ? [] : [path]);
        },
      };
    },
  };
}
