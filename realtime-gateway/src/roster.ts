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
  readonly #byUser = new Map<string, Set<A>>();
  readonly #bySession = new Map<string, Set<A>>();

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
    const others = this.#byUser.get(userId) ?? new Set();
    if (device !== null) {
      for (const other of [...others]) {
        if (this.#entries.get(other)?.device !== device) continue;
        this.leave(other);
        other.take({ kind: 'replaced' });
      }
    }
    if (others.size >= this.#maxPerUser) return false;
    this.#entries.set(socket, { userId, sessionId, device });
    add(this.#byUser, userId, socket);
    add(this.#bySession, sessionId, socket);
    return true;
  }

  /** A renewed token may be of another session. */
  renew(socket: A, { sessionId }: Claims): void {
    const entry = this.#entries.get(socket);
    if (!entry) return;
    remove(this.#bySession, entry.sessionId, socket);
    entry.sessionId = sessionId;
    add(this.#bySession, sessionId, socket);
  }

  revoke(sessionId: string): void {
    for (const socket of [...(this.#bySession.get(sessionId) ?? [])]) socket.take({ kind: 'revoked' });
  }

  /** Idempotent. */
  leave(socket: A): void {
    const entry = this.#entries.get(socket);
    if (!entry) return;
    this.#entries.delete(socket);
    remove(this.#byUser, entry.userId, socket);
    remove(this.#bySession, entry.sessionId, socket);
  }
}

function add<A>(sets: Map<string, Set<A>>, key: string, socket: A): void {
  const set = sets.get(key);
  if (set) set.add(socket);
  else sets.set(key, new Set([socket]));
}

function remove<A>(sets: Map<string, Set<A>>, key: string, socket: A): void {
  const set = sets.get(key);
  set?.delete(socket);
  if (set?.size === 0) sets.delete(key);
}
