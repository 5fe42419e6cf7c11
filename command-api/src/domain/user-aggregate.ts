import { isUserEvent, type LogEvent, type UserEvent, userSubject } from '@parley/contracts';
import type { Aggregate } from './aggregate.ts';
import { decideUser } from './decide-user.ts';
import { evolveUser, initialUser, type UserState, userStored } from './user.ts';
import { decodeUserState, encodeUserState } from './user-snapshot.ts';

const NOTHING = [] as const;

/** A user's own facts as group commit sees them. */
export function userAggregate(userId: string): Aggregate<UserState> {
  return {
    subject: userSubject(userId),
    eventSubject: `user/${userId}`,
    initial: initialUser,
    owns: isUserEvent,
    decide: decideUser,
    evolve: (state, event) => evolveUser(state, event as UserEvent),
    stored: userStored,
    resultOf: resultOfUser,
    // What a user's command refers to is in a conversation, which has confirmed it before.
    references: () => NOTHING,
    pair: () => null,
    encode: encodeUserState,
    decode: decodeUserState,
    weight: weightOf,
  };
}

function resultOfUser([event]: readonly LogEvent[]): unknown {
  return event?.type === 'message.scheduled' ? { scheduleId: event.data.scheduleId } : {};
}

function weightOf(state: UserState): number {
  const { levels, inbox, blocks, devices, hidden, reported, schedules, delivered, failed } = state;
  const messages = hidden.size + reported.size + schedules.size + delivered.size + failed.size;
  return levels.size + inbox.size + blocks.size + devices.size + messages;
}
