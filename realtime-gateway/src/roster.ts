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

/** Arrays, since most hold one socket and a Set of one takes four times the memory. Replaced, never changed. */
type Groups<A> = Map<string, readonly A[]>;

/** Who is here: the sockets of the process whose token was verified, by user, device and session. */
export class Roster<A extends Attendant = Attendant> {
  readonly #maxPerUser: number;
  readonly #entries = new Map<A, Entry>();
  readonly #byUser: Groups<A> = new Map();
  readonly #bySession: Groups<A> = new Map();

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
    if ((this.#byUser.get(userId)?.length ?? 0) >= this.#maxPerUser) return false;
    this.#entries.set(socket, { userId, sessionId, device });
    add(this.#byUser, userId, socket);
    add(this.#bySession, sessionId, socket);
    return true;
  }

  #replace(userId: string, device: string): void {
    for (const socket of this.#byUser.get(userId) ?? []) {
      if (this.#entries.get(socket)?.device !== device) continue;
      this.leave(socket);
      socket.take({ kind: 'replaced' });
    }
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
    for (const socket of this.#bySession.get(sessionId) ?? []) socket.take({ kind: 'revoked' });
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

function add<A>(groups: Groups<A>, key: string, socket: A): void {
  const group = groups.get(key);
  groups.set(key, group ? [...group, socket] : [socket]);
}

function remove<A>(groups: Groups<A>, key: string, socket: A): void {
  const rest = groups.get(key)?.filter((other) => other !== socket) ?? [];
  if (rest.length > 0) groups.set(key, rest);
  else groups.delete(key);
}
