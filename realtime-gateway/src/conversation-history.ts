import { conversationSubject } from '@parley/contracts';
import type { CommitRecord, EventLog, LogRange } from '@parley/runtime';
import type { Feed } from './feed.ts';
import type { Hub } from './hub.ts';
import { readSubject } from './read-log.ts';
import type { History } from './replay.ts';
import type { Ring } from './ring.ts';
import { bytesOf, listFrame } from './session/bytes.ts';
import type { Commit } from './session/commit.ts';
import { type ConversationCommit, UNKNOWN_RULES } from './session/conversation-commit.ts';
import { type Follower, followerView } from './session/follower.ts';
import type { GoneTexts } from './session/gone-texts.ts';
import type { Item } from './session/item.ts';
import { viewOf } from './session/view.ts';

/** One conversation after a version, to where its commits flow. Each version is brought once, and none is left out. */
export class ConversationHistory implements History {
  readonly #hub: Hub;
  readonly #follower: Follower<Feed>;
  /** The newest version when the replay began: it must have been seen at the end. */
  readonly #head: number;
  readonly #from: number;
  /** Of the last commit looked at. */
  #version: number;

  constructor(hub: Hub, follower: Follower<Feed>, { from, head }: { from: number; head: number }) {
    this.#hub = hub;
    this.#follower = follower;
    this.#from = from;
    this.#version = from;
    this.#head = head;
  }

  get closed(): boolean {
    return this.#follower.phase === 'ended' || this.#follower.session.closed;
  }

  subjects(): string[] {
    return [conversationSubject(this.#follower.conversationId)];
  }

  within(ring: Ring, after: number): Commit[] {
    return ring.concerning([this.#follower.conversationId], null, after);
  }

  read(log: EventLog, range: LogRange): AsyncIterable<CommitRecord[]> {
    return readSubject(log, range, conversationSubject(this.#follower.conversationId));
  }

  mayShow({ conversationId, lastVersion }: ConversationCommit): boolean {
    return conversationId === this.#follower.conversationId && lastVersion > this.#version;
  }

  continues(commit: ConversationCommit): boolean {
    const isNext = commit.firstVersion <= this.#version + 1;
    this.#version = commit.lastVersion;
    return isNext && !this.#follower.stale;
  }

  show(commit: Commit, gone: readonly GoneTexts[]): Item | null {
    if (commit.kind !== 'conversation') return null;
    const visible: number[] = [];
    for (let index = 0; index < commit.size; index++) {
      const version = commit.firstVersion + index;
      if (version > this.#from && version <= this.#follower.until) visible.push(index);
    }
    const rules = this.#hub.audience.conversation(commit.conversationId)?.rules ?? UNKNOWN_RULES;
    return viewOf(commit, followerView(this.#follower, rules), visible, new Map(), gone);
  }

  send(items: readonly Item[]): Promise<void> {
    if (items.length === 0) return Promise.resolve();
    const { session, conversationId } = this.#follower;
    return session.page(encodeFrame(conversationId, items), items.length);
  }

  isWhole(): boolean {
    return !this.#follower.stale && this.#version >= this.#head;
  }

  /** What comes after `until` is in the feed already: then there is nothing to listen for. */
  goLive(): void {
    const { audience } = this.#hub;
    const { session, conversationId: conversation, until } = this.#follower;
    if (this.closed) return;
    const version = audience.conversation(conversation)?.version ?? this.#head;
    if (until === Number.POSITIVE_INFINITY) audience.listen(this.#follower);
    else audience.detach(this.#follower);
    session.say({ t: 'sub-live', conversation, version });
  }
}

/** A `sub-commits` frame. */
function encodeFrame(conversationId: string, items: readonly Item[]): Uint8Array {
  const opening = bytesOf(`{"t":"sub-commits","conversation":"${conversationId}","items":[`);
  return listFrame(
    opening,
    items.map(({ bytes }) => bytes),
  );
}
