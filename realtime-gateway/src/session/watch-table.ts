import { DueQueue } from './due-queue.ts';
import { coversWatcher, type PresenceView, type Shown, shownTo } from './presence-view.ts';

/** A socket that watches others. */
export interface Watcher {
  readonly userId: string;
}

interface Watched<W> {
  readonly watchers: Set<W>;
  /** What the watchers are told; null until the first look. */
  view: PresenceView | null;
  /** The same, while nothing is known to have changed since: only this may answer a new watcher. */
  current: PresenceView | null;
  /** When to look again, in milliseconds; infinite while somebody looks. */
  checkAt: number;
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
  readonly #due = new DueQueue<string>();
  /** Sockets with something pending. */
  readonly #owed = new Set<W>();
  /** Of those: `watch` is answered as soon as possible, changes are collected. */
  readonly #answers = new Set<W>();

  /** Instead of those watched before. All are pending; who is new here is due now. */
  watch(socket: W, users: readonly string[]): void {
    if (users.length === 0) {
      this.forget(socket);
      return;
    }
    const before = this.#sockets.get(socket);
    const watching: Watching = { users: new Set(users), pending: new Set(users), missing: new Set() };
    this.#sockets.set(socket, watching);
    for (const user of watching.users) {
      const watched = this.#users.get(user) ?? this.#begin(user);
      watched.watchers.add(socket);
      if (watched.current && !coversWatcher(watched.current, socket.userId)) this.outdate(user, 0);
      if (!watched.current) watching.missing.add(user);
    }
    // After the new ones have been added: what is known of those who stay must not be forgotten in between.
    for (const user of before?.users ?? []) if (!watching.users.has(user)) this.#end(user, socket);
    this.#owed.add(socket);
    if (watching.missing.size === 0) this.#answers.add(socket);
    else this.#answers.delete(socket);
  }

  #begin(user: string): Watched<W> {
    const watched = { watchers: new Set<W>(), view: null, current: null, checkAt: 0 };
    this.#users.set(user, watched);
    this.#due.set(user, 0);
    return watched;
  }

  #end(user: string, socket: W): void {
    const watchers = this.#users.get(user)?.watchers;
    watchers?.delete(socket);
    if (watchers?.size !== 0) return;
    this.#users.delete(user);
    this.#due.delete(user);
  }

  forget(socket: W): void {
    for (const user of this.#sockets.get(socket)?.users ?? []) this.#end(user, socket);
    this.#sockets.delete(socket);
    this.#owed.delete(socket);
    this.#answers.delete(socket);
  }

  view(user: string): PresenceView | null {
    return this.#users.get(user)?.view ?? null;
  }

  /** The names of all who watch any of these users. */
  watchersOf(users: readonly string[]): Set<string> {
    const names = new Set<string>();
    for (const user of users) {
      for (const { userId } of this.#users.get(user)?.watchers ?? []) names.add(userId);
    }
    return names;
  }

  isWatched(user: string): boolean {
    return this.#users.has(user);
  }

  watched(): Iterable<string> {
    return this.#users.keys();
  }

  /** Users to be looked at now, at most so many. Each one must be seen, or be given a time to look again. */
  take(now: number, limit: number): string[] {
    const due = this.#due.take(now, limit);
    for (const user of due) {
      const watched = this.#users.get(user);
      if (watched) watched.checkAt = NEVER;
    }
    return due;
  }

  /** Looks at a user by this time. A look that begins before it counts: what must be looked at then and not before is no matter of this table. */
  checkBy(user: string, at: number): void {
    const watched = this.#users.get(user);
    if (!watched || watched.checkAt <= at) return;
    watched.checkAt = at;
    this.#due.set(user, at);
  }

  /** As `checkBy`; and until then nobody who begins to watch is told what was seen before. */
  outdate(user: string, at: number): void {
    const watched = this.#users.get(user);
    if (watched) watched.current = null;
    this.checkBy(user, at);
  }

  /** Takes how a user looks now, and when to look again: earlier, if they changed after this look began. */
  see(user: string, view: PresenceView, checkAt: number): void {
    const watched = this.#users.get(user);
    if (!watched) return;
    this.checkBy(user, checkAt);
    const before = watched.view;
    watched.view = view;
    watched.current = view;
    for (const socket of watched.watchers) {
      const watching = this.#sockets.get(socket);
      if (!watching) continue;
      if (watching.missing.delete(user)) {
        if (watching.missing.size === 0) this.#answers.add(socket);
      } else if (!before || shownTo(before, socket.userId).text !== shownTo(view, socket.userId).text) {
        watching.pending.add(user);
        this.#owed.add(socket);
      }
    }
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
