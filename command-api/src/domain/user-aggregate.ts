import { isUserEvent, type LogEvent, type UserEvent, userSubject } from '@parley/contracts';
import type { Aggregate } from './aggregate.ts';
import { decideUser } from './decide-user.ts';
import { evolveUser, initialUser, type UserState } from './user.ts';
import { decodeUserState, encodeUserState } from './user-snapshot.ts';

const NOTHING = [] as const;
/** A scheduled text of this many characters weighs as much as a member. */
const CHARACTERS_OF_WEIGHT = 300;

/** A user's own facts as group commit sees them. */
export function userAggregate(userId: string): Aggregate<UserState> {
  return {
    subject: userSubject(userId),
    eventSubject: `user/${userId}`,
    initial: initialUser,
    owns: isUserEvent,
    decide: decideUser,
    evolve: (state, event) => evolveUser(state, event as UserEvent),
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
  const { levels, inbox, blocks, devices, hidden, reported, schedules, delivered } = state;
  let weight = levels.size + inbox.size + blocks.size + devices.size;
  weight += hidden.size + reported.size + delivered.size;
  for (const { message } of schedules.values()) {
    const characters = (message.body?.length ?? 0) + (message.ciphertext?.data.length ?? 0);
    weight += 1 + Math.ceil(characters / CHARACTERS_OF_WEIGHT);
  }
  return weight;
}
