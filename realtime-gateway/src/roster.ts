import { Groups } from './session/groups.ts';
import type { Claims } from './session/session.ts';

/** A socket as the roster sees it. */
export interface Attendant {
  take(input: { kind: 'replaced' | 'revoked' }): void;
}

interface Entry {
  userId: string;
  sessionId: string;
  device: string | null;
}

/** Who is here: the sockets of the process whose token was verified, by user, device and session. */
export class Roster<A extends Attendant = Attendant> {
  readonly #maxPerUser: number;
  readonly #entries = new Map<A, Entry>();
  readonly #byUser = new Groups<A>();
  readonly #bySession = new Groups<A>();

  constructor(maxPerUser: number) {
    this.#maxPerUser = maxPerUser;
  }

  /** The sessions of all sockets. */
  sessions(): Iterable<string> {
    return this.#bySession.keys();
  }

  /**
   * Takes a socket in, instead of an older one of the same device when it names one. False when its user has as many as
   * one may have.
   */
  enter(socket: A, { userId, sessionId }: Claims, device: string | null): boolean {
    if (device !== null) this.#replace(userId, device);
    if (this.#byUser.of(userId).length >= this.#maxPerUser) return false;
    this.#entries.set(socket, { userId, sessionId, device });
    this.#byUser.add(userId, socket);
    this.#bySession.add(sessionId, socket);
    return true;
  }

  #replace(userId: string, device: string): void {
    for (const socket of this.#byUser.of(userId)) {
      if (this.#entries.get(socket)?.device !== device) continue;
      this.leave(socket);
      socket.take({ kind: 'replaced' });
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
