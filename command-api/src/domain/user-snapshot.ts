import { Map as ImmutableMap, Set as ImmutableSet, OrderedMap, OrderedSet } from 'immutable';
import type { Device, InboxEntry, Profile, Schedule, UserState } from './user.ts';

interface Encoded {
  profile: Profile;
  notifications: UserState['notifications'];
  levels: [string, 'all' | 'mentions' | 'none'][];
  unarchiveOnMessage: boolean;
  /** JSON has no infinity: null = muted without an end. */
  inbox: [string, Omit<InboxEntry, 'mutedUntil'> & { mutedUntil: number | null }][];
  blocks: string[];
  devices: [string, Device][];
  schedules: [string, Schedule][];
  delivered: string[];
  failed: [string, string][];
  hidden: string[];
  reported: string[];
  readThrough: number;
}

/** Plain JSON of a state; `decodeUserState` makes an equal state of it. */
export function encodeUserState(state: UserState): Encoded {
  const inbox = [...state.inbox].map(([conversationId, entry]): Encoded['inbox'][number] => {
    const { mutedUntil } = entry;
    return [conversationId, { ...entry, mutedUntil: mutedUntil === Infinity ? null : mutedUntil }];
  });
  return {
    profile: state.profile,
    notifications: state.notifications,
    levels: [...state.levels],
    unarchiveOnMessage: state.unarchiveOnMessage,
    inbox,
    blocks: [...state.blocks],
    devices: [...state.devices],
    schedules: [...state.schedules],
    delivered: [...state.delivered],
    failed: [...state.failed],
    hidden: [...state.hidden],
    reported: [...state.reported],
    readThrough: state.readThrough,
  };
}

/** Of what `encodeUserState` made in this very format; nothing else is handed to it. */
export function decodeUserState(json: unknown): UserState {
  const encoded = json as Encoded;
  const { profile, notifications, unarchiveOnMessage, readThrough } = encoded;
  const inbox = encoded.inbox.map(([conversationId, entry]): [string, InboxEntry] => [
    conversationId,
    { ...entry, mutedUntil: entry.mutedUntil ?? Infinity },
  ]);
  return {
    profile,
    notifications,
    levels: ImmutableMap(encoded.levels),
    unarchiveOnMessage,
    inbox: ImmutableMap(inbox),
    blocks: ImmutableSet(encoded.blocks),
    devices: ImmutableMap(encoded.devices),
    schedules: ImmutableMap(encoded.schedules),
    delivered: OrderedSet(encoded.delivered),
    failed: OrderedMap(encoded.failed),
    hidden: OrderedSet(encoded.hidden),
    reported: OrderedSet(encoded.reported),
    readThrough,
  };
}
