import { setTimeout as after } from 'node:timers/promises';
import { Connection, type ConnectionOptions, type Socket } from './connection.ts';
import { Roster } from './roster.ts';
import type { Input } from './session/session.ts';
import type { SocketEvents } from './websocket.ts';

const TICK_MS = 1_000;
/** Time between two groups of clients that are sent away. */
const DRAIN_STEP_MS = 50;

export interface ConnectionsOptions {
  shared: Omit<ConnectionOptions, 'roster' | 'left'>;
  maxSocketsPerUser: number;
  onTick(totals: { sockets: number; queuedBytes: number }): void;
}

/** Every open socket of the process: one clock for all of them, and what happens to all at once. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Set<Connection>();
  readonly #roster: Roster;
  /** One object for all connections. */
  readonly #shared: ConnectionOptions;
  readonly #clock: NodeJS.Timeout;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#roster = new Roster(options.maxSocketsPerUser);
    this.#shared = {
      ...options.shared,
      roster: this.#roster,
      left: (connection) => this.#open.delete(connection),
    };
    this.#clock = setInterval(() => this.#tick(Date.now()), TICK_MS);
  }

  open(socket: Socket): SocketEvents {
    const connection = new Connection(socket, this.#shared, Date.now());
    this.#open.add(connection);
    return connection;
  }

  #tick(now: number): void {
    let queuedBytes = 0;
    for (const connection of this.#open) {
      queuedBytes += connection.queuedBytes;
      connection.tick(now);
    }
    this.#options.onTick({ sockets: this.#open.size, queuedBytes });
  }

  /** Closes the sockets of revoked sessions from now on; resolves to what ends it. */
  followRevocations(): Promise<() => void> {
    return this.#options.shared.door.revocations.follow({
      open: () => this.#roster.sessions(),
      revoked: (sessionId) => this.#roster.revoke(sessionId),
    });
  }

  closeAll(input: Extract<Input, { kind: 'continuity-lost' | 'stopping' }>): void {
    for (const connection of this.#open) connection.take(input);
  }

  /**
   * Tells every client to go elsewhere within `windowMs`, a group at a time so that they do not arrive there at once,
   * and closes each one a group later; resolves when all are closed.
   */
  async drain(windowMs: number): Promise<void> {
    const leaving = [...this.#open].filter((connection) => !connection.closed);
    const steps = Math.max(1, Math.ceil(windowMs / DRAIN_STEP_MS));
    const perStep = Math.ceil(leaving.length / steps);
    const afterMs: [number, number] = [0, windowMs];
    for (const connection of leaving) connection.take({ kind: 'draining', afterMs, reason: 'deploy' });
    for (let begin = 0; begin < leaving.length; begin += perStep) {
      await after(DRAIN_STEP_MS);
      for (const connection of leaving.slice(begin, begin + perStep)) connection.take({ kind: 'stopping' });
    }
  }

  stop(): void {
    clearInterval(this.#clock);
  }
}
