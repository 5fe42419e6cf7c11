import { setTimeout as after } from 'node:timers/promises';
import type { Signals } from '@parley/runtime';
import { monotonicNow, wallNow, wholeNow } from './clocks.ts';
import { Connection, type ConnectionOptions, type Socket } from './connection.ts';
import { Roster } from './roster.ts';
import { Drain } from './session/drain.ts';
import type { Input } from './session/session.ts';
import { HelloSignals } from './tell-hellos.ts';
import type { SocketEvents } from './websocket.ts';

const TICK_MS = 1_000;
const DRAIN_STEP_MS = 50;

export interface ConnectionsOptions {
  shared: Omit<ConnectionOptions, 'roster' | 'left'>;
  maxSocketsPerUser: number;
  signals: Signals;
  onTick(totals: { sockets: number; queuedBytes: number }): void;
}

/** Every open socket of the process: one clock for all of them, and what happens to all at once. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Set<Connection>();
  readonly #roster: Roster;
  readonly #hellos: HelloSignals;
  /** One object for all connections. */
  readonly #shared: ConnectionOptions;
  readonly #clock: NodeJS.Timeout;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#roster = new Roster(options.maxSocketsPerUser, (hello) => this.#hellos.tell(hello));
    this.#hellos = new HelloSignals(options.signals, {
      heard: (hello) => this.#roster.heard(hello),
      returned: () => this.#roster.announceAll(),
    });
    this.#shared = {
      ...options.shared,
      roster: this.#roster,
      left: (connection) => this.#open.delete(connection),
    };
    this.#clock = setInterval(() => this.#tick(wholeNow(), wallNow()), TICK_MS);
  }

  open(socket: Socket): SocketEvents {
    const connection = new Connection(socket, this.#shared, wholeNow());
    this.#open.add(connection);
    return connection;
  }

  #tick(now: number, wall: number): void {
    let queuedBytes = 0;
    for (const connection of this.#open) {
      queuedBytes += connection.queuedBytes;
      connection.tick(now, wall);
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
   * Sends every client elsewhere within `windowMs`, each at a moment of their own; resolves when all are closed, or have
   * gone. Without time for that all are closed at once, and nobody is told: a client that is told to go this moment goes
   * this moment, but one whose socket is closed waits for a random time first.
   */
  async drain(windowMs: number): Promise<void> {
    const drain = new Drain(this.#open, windowMs, Math.random);
    const afterMs: [number, number] = [0, drain.noticeMs];
    const began = monotonicNow();
    while (drain.noticeMs > 0 && !drain.isOver && this.#isAnyOpen()) {
      const { tell, close } = drain.step(monotonicNow() - began);
      for (const connection of close) connection.take({ kind: 'stopping' });
      for (const connection of tell) connection.take({ kind: 'draining', afterMs, reason: 'deploy' });
      await after(DRAIN_STEP_MS);
    }
    this.closeAll({ kind: 'stopping' });
  }

  #isAnyOpen(): boolean {
    for (const connection of this.#open) if (!connection.closed) return true;
    return false;
  }

  stop(): void {
    clearInterval(this.#clock);
    this.#hellos.stop();
  }
}
