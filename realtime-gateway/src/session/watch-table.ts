import { type PresenceView, type Shown, shownTo } from './presence-view.ts';

/** A socket that watches others. */
export interface Watcher {
  readonly userId: string;
}

interface Watched<W> {
  readonly watchers: Set<W>;
  /** Null until it was looked at for the first time. */
  view: PresenceView | null;
  /** When to look again, in milliseconds; infinite while somebody looks. */
  checkAt: number;
  /** And once more then: what is read at first may be old. */
  confirmAt: number;
}

const NEVER = Number.POSITIVE_INFINITY;

interface Watching {
  readonly users: Set<string>;
  /** Whose present view this socket has not been told. */
  readonly pending: Set<string>;
  /** The answer to `watch` waits for these to be looked at. */
  readonly missing: Set<string>;
}

/**
 * Who watches whom, and who must be told what. The latest view wins: however often a user changes before a socket is
 * told, that is one entry. A socket is told only of what it sees change: who is blocked learns nothing from silence.
 */
export class WatchTable<W extends Watcher> {
  readonly #users = new Map<string, Watched<W>>();
  readonly #sockets = new Map<W, Watching>();
  /** Sockets with something pending. */
  readonly #owed = new Set<W>();
  /** Of those: `watch` is answered as soon as possible, changes are collected. */
  readonly #answers = new Set<W>();

  /** Instead of those watched before. All are pending; who is new here is due now. */
  watch(socket: W, users: readonly string[]): void {
    this.forget(socket);
    if (users.length === 0) return;
    const watching: Watching = { users: new Set(users), pending: new Set(users), missing: new Set() };
    this.#sockets.set(socket, watching);
    for (const user of watching.users) {
      const watched = this.#users.get(user) ?? newlyWatched<W>();
      this.#users.set(user, watched);
      watched.watchers.add(socket);
      if (!watched.view) watching.missing.add(user);
    }
    this.#owed.add(socket);
    if (watching.missing.size === 0) this.#answers.add(socket);
  }

  forget(socket: W): void {
    for (const user of this.#sockets.get(socket)?.users ?? []) {
      const watchers = this.#users.get(user)?.watchers;
      watchers?.delete(socket);
      if (watchers?.size === 0) this.#users.delete(user);
    }
    this.#sockets.delete(socket);
    this.#owed.delete(socket);
    this.#answers.delete(socket);
  }

  view(user: string): PresenceView | null {
    return this.#users.get(user)?.view ?? null;
  }

  watched(): Iterable<string> {
    return this.#users.keys();
  }

  /** Users to be looked at now, at most so many. Each one must be seen, or be given a time to look again. */
  take(now: number, limit: number): string[] {
    const due: string[] = [];
    for (const [user, watched] of this.#users) {
      if (watched.checkAt > now && watched.confirmAt > now) continue;
      if (watched.confirmAt <= now) watched.confirmAt = NEVER;
      watched.checkAt = NEVER;
      due.push(user);
      if (due.length === limit) break;
    }
    return due;
  }

  /** Looks at a user at this time, if not earlier. */
  checkBy(user: string, at: number): void {
    const watched = this.#users.get(user);
    if (watched) watched.checkAt = Math.min(watched.checkAt, at);
  }

  /** Looks at a user at this time, whatever is seen before. */
  confirmAt(user: string, at: number): void {
    const watched = this.#users.get(user);
    if (watched) watched.confirmAt = at;
  }

  /** Takes how a user looks now, and when to look again: earlier, if they changed after this look began. */
  see(user: string, view: PresenceView, checkAt: number): void {
    const watched = this.#users.get(user);
    if (!watched) return;
    watched.checkAt = Math.min(watched.checkAt, checkAt);
    const before = watched.view;
    watched.view = view;
    for (const socket of watched.watchers) {
      const watching = this.#sockets.get(socket);
      if (!watching) continue;
      if (before === null) this.#found(socket, watching, user);
      else if (shownTo(before, socket.userId).text !== shownTo(view, socket.userId).text) {
        watching.pending.add(user);
        this.#owed.add(socket);
      }
    }
  }

  #found(socket: W, watching: Watching, user: string): void {
    watching.missing.delete(user);
    if (watching.missing.size === 0) this.#answers.add(socket);
  }

  /** Sockets whose `watch` can be answered now. */
  *answers(): Generator<[W, Shown[]]> {
    for (const socket of this.#answers) yield [socket, this.#pending(socket)];
  }

  /** Sockets with something to be told, and how those users look to them. Not those whose answer must wait. */
  *tellings(): Generator<[W, Shown[]]> {
    for (const socket of this.#owed) {
      if (this.#sockets.get(socket)?.missing.size === 0) yield [socket, this.#pending(socket)];
    }
  }

  #pending(socket: W): Shown[] {
    const views: Shown[] = [];
    for (const user of this.#sockets.get(socket)?.pending ?? []) {
      const view = this.#users.get(user)?.view;
      if (view) views.push(shownTo(view, socket.userId));
    }
    return views;
  }

  /** The socket has been given all that was pending. */
  told(socket: W): void {
    this.#sockets.get(socket)?.pending.clear();
    this.#owed.delete(socket);
    this.#answers.delete(socket);
  }

  /** The socket takes nothing now: what is pending goes out with the next changes. */
  postpone(socket: W): void {
    this.#answers.delete(socket);
  }
}

function newlyWatched<W>(): Watched<W> {
  return { watchers: new Set(), view: null, checkAt: 0, confirmAt: NEVER };
}
