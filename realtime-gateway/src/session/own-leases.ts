import type { OwnPresence } from '@parley/contracts';
import { Groups } from './groups.ts';
import { mergeStates, type PresenceLease, SEEN, statesOf } from './presence-view.ts';

/** An integer, as all times that are held: another number would be an object of its own, twice for each socket. */
const LONG_AGO = -1_000_000_000;

interface Held {
  readonly userId: string;
  state: OwnPresence;
  /** Not written as it is now. */
  changed: boolean;
  renewAt: number;
  /** When others were last seen to see the user; it may be written again after a while. */
  seenAt: number;
}

export interface LeaseTimes {
  ttlMs: number;
  renewMs: number;
  /** A closed socket's lease stays so long. */
  graceMs: number;
  /** While nothing happens, when a user was last seen is written no more often than this. */
  seenMs: number;
}

/** A lease to be written. */
export interface LeaseWrite {
  connection: string;
  userId: string;
  state: OwnPresence;
  /** `renewed`: nothing new, nobody needs to be told. */
  kind: 'changed' | 'renewed' | 'released';
  /** Also write when the user was last seen, if others do see them. */
  marksSeen: boolean;
  /** When it was taken, by the clock that is given. */
  at: number;
}

/** The leases of this process's sockets: what is to be written when. Times are of a clock that never steps back. */
export class OwnLeases {
  readonly #times: LeaseTimes;
  readonly #held = new Map<string, Held>();
  readonly #released = new Map<string, LeaseWrite>();
  readonly #byUser = new Groups<string>();

  constructor(times: LeaseTimes) {
    this.#times = times;
  }

  hold(connection: string, userId: string, state: OwnPresence): void {
    const held = this.#held.get(connection);
    if (held?.state === state) return;
    this.#held.set(connection, { userId, state, changed: true, renewAt: LONG_AGO, seenAt: LONG_AGO });
    if (!held) this.#byUser.add(userId, connection);
  }

  /** The users who hold leases here. */
  users(): Iterable<string> {
    return this.#byUser.keys();
  }

  /**
   * What is stored of a user, with the leases held here that are not. What is written already changes by being written
   * only, together with when the user was last seen: else who becomes invisible would look unlike who goes.
   */
  withOwn(userId: string, stored: readonly PresenceLease[]): readonly PresenceLease[] {
    const own: PresenceLease[] = [];
    for (const id of this.#byUser.of(userId)) {
      const value = this.#held.get(id)?.state;
      if (value === 'invisible') return stored;
      if (value && !stored.some((lease) => lease.id === id))
        own.push({ id, value, leftMs: this.#times.ttlMs });
    }
    return own.length === 0 ? stored : [...stored, ...own];
  }

  /** Changes nothing for a connection that holds no lease. */
  change(connection: string, state: OwnPresence): void {
    const held = this.#held.get(connection);
    if (held) this.hold(connection, held.userId, state);
  }

  release(connection: string, now: number): void {
    const held = this.#held.get(connection);
    if (!held) return;
    this.#held.delete(connection);
    const { userId, state } = held;
    this.#byUser.remove(userId, connection);
    this.#released.set(connection, { connection, userId, state, kind: 'released', marksSeen: true, at: now });
  }

  releaseAll(now: number): void {
    for (const connection of [...this.#held.keys()]) this.release(connection, now);
  }

  /** The store may have lost them. */
  renewAll(): void {
    for (const held of this.#held.values()) held.renewAt = LONG_AGO;
  }

  /** What to write now, at most so many; they count as written until they are put back. */
  take(now: number, limit: number): LeaseWrite[] {
    const writes: LeaseWrite[] = [];
    for (const [connection, write] of this.#released) {
      if (writes.length === limit) return writes;
      this.#released.delete(connection);
      writes.push(write);
    }
    for (const [connection, held] of this.#held) {
      if (writes.length === limit) return writes;
      if (!held.changed && held.renewAt > now) continue;
      const { userId, state, changed, seenAt } = held;
      const marksSeen = changed || now >= seenAt + this.#times.seenMs;
      writes.push({ connection, userId, state, kind: changed ? 'changed' : 'renewed', marksSeen, at: now });
      held.changed = false;
      held.renewAt = Math.floor(now + this.#times.renewMs);
      if (marksSeen) held.seenAt = Math.floor(now);
    }
    return writes;
  }

  /** They could not be written. A released lease has ended by itself after its time to live. */
  putBack(writes: readonly LeaseWrite[], now: number): void {
    for (const write of writes) {
      const held = this.#held.get(write.connection);
      if (write.kind === 'released') {
        if (now < write.at + this.#times.ttlMs) this.#released.set(write.connection, write);
      } else if (held) {
        held.renewAt = LONG_AGO;
        if (write.kind === 'changed') held.changed = true;
        if (write.marksSeen) held.seenAt = LONG_AGO;
      }
    }
  }

  /** They were written without when their users were last seen: that goes with the next renewal. */
  seenLater(writes: readonly LeaseWrite[]): void {
    for (const { connection, marksSeen } of writes) {
      const held = this.#held.get(connection);
      if (held && marksSeen) held.seenAt = LONG_AGO;
    }
  }

  ttlMs(write: LeaseWrite): number {
    return write.kind === 'released' ? this.#times.graceMs : this.#times.ttlMs;
  }
}

/**
 * Whether others see a user before or after some writes: only then are they seen at that time. So it stands still
 * while a user is invisible, from the moment they become it.
 */
export function isSeen(before: readonly PresenceLease[], writes: readonly LeaseWrite[]): boolean {
  const after = new Map(before.map((lease) => [lease.id, lease]));
  for (const { connection, state } of writes) {
    after.set(connection, { id: connection, value: state, leftMs: 0 });
  }
  return [before, [...after.values()]].some((leases) => mergeStates(statesOf(leases)) !== 'offline');
}

/** Never the id of a connection. */
export function seenLease(at: number): { id: string; value: string } {
  return { id: SEEN, value: String(at) };
}
