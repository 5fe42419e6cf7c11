import { TYPING_TTL_MS } from '@parley/contracts';

/** Who goes on typing need not be repeated more often. */
const REPEAT_MS = 2_000;
/** Nobody looks at more names than this. */
const MAX_TYPERS = 10;
/** Nobody types in more conversations than these within `REPEAT_MS`; each "on" is a frame for every member. */
const MAX_PLACES = 5;

interface Typer {
  /** Of the last "on", here or in another process. */
  at: number;
  on: boolean;
}

/** Who is typing where, as of what was said and heard. Forgets by itself. */
export class TypingTable {
  readonly #conversations = new Map<string, Map<string, Typer>>();
  /** What was said here, by user. */
  readonly #said = new Map<string, Set<string>>();
  /** When "on" was passed on lately, by user: on all their sockets here. */
  readonly #paces = new Map<string, number[]>();
  #sweptAt = 0;

  /** Whether it is to be passed on: "on" when it is news, "off" when an "on" stands. */
  say(conversation: string, user: string, on: boolean, now: number): boolean {
    const typers = this.#typers(conversation, now);
    const typer = typers.get(user);
    if (!on) {
      if (!typer?.on) return false;
      typer.on = false;
      this.#said.get(user)?.delete(conversation);
      return true;
    }
    if (typer?.on && now < typer.at + REPEAT_MS) return false;
    if (!typer?.on && standing(typers) >= MAX_TYPERS) return false;
    if (!this.#keepsPace(user, now)) return false;
    typers.set(user, { at: now, on });
    this.#said.set(user, (this.#said.get(user) ?? new Set()).add(conversation));
    return true;
  }

  #keepsPace(user: string, now: number): boolean {
    const lately = (this.#paces.get(user) ?? []).filter((at) => now < at + REPEAT_MS);
    if (lately.length >= MAX_PLACES) return false;
    this.#paces.set(user, [...lately, now]);
    return true;
  }

  /** Takes what was passed on, by whichever process. */
  hear(conversation: string, user: string, on: boolean, now: number): void {
    const typers = this.#typers(conversation, now);
    const typer = typers.get(user);
    if (on) typers.set(user, { at: now, on });
    else if (typer) typer.on = false;
  }

  /** Where a user is typing, as far as it was said here. */
  where(user: string, now: number): string[] {
    return [...(this.#said.get(user) ?? [])].filter((conversation) => this.#stands(conversation, user, now));
  }

  #stands(conversation: string, user: string, now: number): boolean {
    const typer = this.#conversations.get(conversation)?.get(user);
    return typer?.on === true && now < typer.at + TYPING_TTL_MS;
  }

  /** Conversations and users that are remembered. */
  get size(): number {
    return this.#conversations.size + this.#said.size + this.#paces.size;
  }

  #typers(conversation: string, now: number): Map<string, Typer> {
    if (now >= this.#sweptAt + TYPING_TTL_MS) this.#sweep(now);
    const typers = this.#conversations.get(conversation) ?? new Map<string, Typer>();
    this.#conversations.set(conversation, typers);
    forget(typers, now);
    return typers;
  }

  #sweep(now: number): void {
    this.#sweptAt = now;
    for (const [conversation, typers] of this.#conversations) {
      forget(typers, now);
      if (typers.size === 0) this.#conversations.delete(conversation);
    }
    for (const [user, lately] of this.#paces) {
      if (lately.every((at) => now >= at + REPEAT_MS)) this.#paces.delete(user);
    }
    for (const user of this.#said.keys()) if (this.where(user, now).length === 0) this.#said.delete(user);
  }
}

function standing(typers: ReadonlyMap<string, Typer>): number {
  let count = 0;
  for (const { on } of typers.values()) if (on) count += 1;
  return count;
}

function forget(typers: Map<string, Typer>, now: number): void {
  for (const [user, { at }] of typers) if (now >= at + TYPING_TTL_MS) typers.delete(user);
}
