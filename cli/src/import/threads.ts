/** Answers reach back so many answerable messages, and so many threads are marked as read: any length stays bounded. */
const REMEMBERED = 20_000;
/** As the API finds calls, or more: to mark a thread as read for somebody who does not follow it changes nothing. */
const CALL = /<@([^<>]{1,128})>|@([\p{L}\p{N}_.:-]{0,127}[\p{L}\p{N}_])/gu;

interface Thread {
  followers: Set<string>;
  /** Has read all of it, by having written it. */
  last: string;
}

/** What later messages of a conversation may answer, and whom its threads notify: who began, wrote in or was called in one. */
export class Threads {
  readonly #authors = new Map<string, string>();
  readonly #threads = new Map<string, Thread>();

  /** From now on the message may be answered. */
  remember(id: string, author: string): void {
    keep(this.#authors, id, author);
  }

  /** What is answered again and again stays remembered. */
  has(id: string): boolean {
    const author = this.#authors.get(id);
    if (author !== undefined) keep(this.#authors, id, author);
    return author !== undefined;
  }

  /** A reply in the thread of a message that is remembered. */
  reply(id: string, user: string, text: string, members: ReadonlySet<string>): void {
    const author = this.#authors.get(id) ?? user;
    const { followers } = this.#threads.get(id) ?? { followers: new Set([author]) };
    followers.add(user);
    for (const [, exact, name = ''] of text.includes('@') ? text.matchAll(CALL) : []) {
      const called = exact ?? name;
      if (members.has(called)) followers.add(called);
    }
    keep(this.#threads, id, { followers, last: user });
  }

  /** First messages of threads with replies that somebody else wrote last, by follower. */
  behind(): Map<string, string[]> {
    const threads = new Map<string, string[]>();
    for (const [id, { followers, last }] of this.#threads) {
      for (const user of followers) {
        if (user === last) continue;
        const own = threads.get(user);
        if (own) own.push(id);
        else threads.set(user, [id]);
      }
    }
    return threads;
  }
}

function keep<T>(all: Map<string, T>, id: string, value: T): void {
  all.delete(id);
  all.set(id, value);
  const oldest = all.keys().next().value;
  if (all.size > REMEMBERED && oldest !== undefined) all.delete(oldest);
}
