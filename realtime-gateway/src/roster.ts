import { wallNow } from './clocks.ts';
import { Groups } from './session/groups.ts';
import { type DeviceHello, HelloOrder, isLater } from './session/hello-order.ts';
import type { Claims } from './session/session.ts';

/** A socket as the roster sees it. */
export interface Attendant {
  readonly connection: string;
  take(input: { kind: 'replaced' | 'revoked' }): void;
}

/** Of the hello. */
interface Arrival {
  device: string | null;
  /** What `arrive` gave. */
  at: number;
}

interface Entry extends Arrival {
  userId: string;
  sessionId: string;
}

/** `outdated`: a socket of the same device is here whose hello is later. `crowded`: the user has as many as one may have. */
export type Entrance = 'entered' | 'outdated' | 'crowded';

/**
 * Who is here: the sockets of the process whose token was verified, by user, device and session. Of one device the socket
 * with the latest hello stays, in whatever order tokens were verified; the gateways tell each other of theirs.
 */
export class Roster<A extends Attendant = Attendant> {
  readonly #maxPerUser: number;
  readonly #announce: (hello: DeviceHello) => void;
  readonly #order = new HelloOrder();
  readonly #entries = new Map<A, Entry>();
  readonly #byUser = new Groups<A>();
  readonly #bySession = new Groups<A>();

  /** `announce` tells the other gateways of a hello; what they say comes by `heard`. */
  constructor(maxPerUser: number, announce: (hello: DeviceHello) => void) {
    this.#maxPerUser = maxPerUser;
    this.#announce = announce;
  }

  /** The sessions of all sockets. */
  sessions(): Iterable<string> {
    return this.#bySession.keys();
  }

  /** A hello has come: its place among all. */
  arrive(): number {
    return this.#order.next(wallNow());
  }

  /** Takes a socket in, instead of those of the same device whose hello came before. */
  enter(socket: A, { userId, sessionId }: Claims, { device, at }: Arrival): Entrance {
    const { connection } = socket;
    if (device !== null && this.#replace({ user: userId, device, at, connection })) return 'outdated';
    if (this.#byUser.of(userId).length >= this.#maxPerUser) return 'crowded';
    this.#entries.set(socket, { userId, sessionId, device, at });
    this.#byUser.add(userId, socket);
    this.#bySession.add(sessionId, socket);
    if (device !== null) this.#announce({ user: userId, device, at, connection });
    return 'entered';
  }

  /** A hello on another gateway; or on this one, which is known. */
  heard(hello: DeviceHello): void {
    this.#order.heard(hello.at);
    const later = this.#replace(hello);
    // The other one did not hear of it: it was still verifying its token, say.
    if (later) this.#announce(later);
  }

  /** Closes the sockets of the device that are older than the hello; gives the later one that stays, if there is one. */
  #replace(hello: DeviceHello): DeviceHello | null {
    const { user, device } = hello;
    let later: DeviceHello | null = null;
    for (const socket of this.#byUser.of(user)) {
      const entry = this.#entries.get(socket);
      if (entry?.device !== device) continue;
      const here = { user, device, at: entry.at, connection: socket.connection };
      if (isLater(here, hello)) later = here;
      if (!isLater(hello, here)) continue;
      this.leave(socket);
      socket.take({ kind: 'replaced' });
    }
    return later;
  }

  /** What other gateways were told may be lost. */
  announceAll(): void {
    for (const [{ connection }, { userId: user, device, at }] of this.#entries) {
      if (device !== null) this.#announce({ user, device, at, connection });
    }
  }

  /** A renewed token may be of another session. */
  renew(socket: A, { sessionId }: Claims): void {
    const entry = this.#entries.get(socket);
    if (!entry) return;
    this.#bySession.remove(entry.sessionId, socket);
    entry.sessionId = sessionId;
    this.#bySession.add(sessionId, socket);
  }

  revoke(sessionId: string): void {
    for (const socket of this.#bySession.of(sessionId)) socket.take({ kind: 'revoked' });
  }

  /** Idempotent. */
  leave(socket: A): void {
    const entry = this.#entries.get(socket);
    if (!entry) return;
    this.#entries.delete(socket);
    this.#byUser.remove(entry.userId, socket);
    this.#bySession.remove(entry.sessionId, socket);
  }
}
