import type { CommandAccepted, CommandInput, CommandType } from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import type { SubscriptionItem } from '../connection-model.ts';
import { monotonicNow, timerUntil } from '../monotonic-now.ts';
import { ParleyError } from '../parley-error.ts';
import { failureOf } from './failure-of.ts';
import {
  advanceOutbox,
  dueAt,
  EMPTY_OUTBOX,
  entriesOf,
  isFull,
  MAX_WAITING_COMMANDS,
  type OutboxEffect,
  type OutboxEntry,
  type OutboxInput,
  type OutboxState,
} from './outbox-state.ts';
import { type OutboxStore, StoredEntries } from './stored-entries.ts';

export interface SentCommand<T extends CommandType = CommandType> {
  key: string;
  /** Resolves once the command is in the log; rejects with a ParleyError when it is refused or discarded. */
  settled: Promise<CommandAccepted<T>>;
}

interface OutboxOptions {
  /** One attempt. Throws what kept it from being answered. */
  post(entry: OutboxEntry, signal: AbortSignal): Promise<CommandAccepted>;
  store?: OutboxStore | undefined;
}

interface Waiter {
  resolve(accepted: CommandAccepted): void;
  reject(error: ParleyError): void;
}

/**
 * Commands that wait for the network: sent in order within a conversation, each until there is a definite answer,
 * exactly once in the log however often it is sent. With a store they outlive the process.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #waiters = new Map<string, Waiter>();
  readonly #listeners = new Set<() => void>();
  readonly #ended = new AbortController();
  #state: OutboxState = EMPTY_OUTBOX;
  #entries: readonly OutboxEntry[] = [];
  readonly #stored: StoredEntries;
  #notifying = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#stored = new StoredEntries(options.store);
    void this.#load();
  }

  /** In the order in which they were given; the same array until something changes. */
  get entries(): readonly OutboxEntry[] {
    return this.#entries;
  }

  /**
   * Why the store does not work now, or null. Commands are sent all the same once it was read. What it held that was no
   * command is the `cause`.
   */
  get storeFault(): unknown {
    return this.#stored.fault;
  }

  /** Never throws for want of a network. Throws ParleyError `limit-reached` when 1,000 wait; refused ones do not count. */
  send<T extends CommandType>(
    type: T,
    data: CommandInput<T>,
    { key = uuidv7() }: { key?: string } = {},
  ): SentCommand<T> {
    if (isFull(this.#state)) {
      throw refusal('limit-reached', `${MAX_WAITING_COMMANDS} commands wait already`);
    }
    if (this.#state.slots.some((slot) => slot.entry.key === key)) {
      throw refusal('idempotency-conflict', `a command with the key ${key} waits already`);
    }
    // A copy: what the caller changes later must not become another request under the same key.
    const copy = JSON.parse(JSON.stringify(data)) as CommandInput<CommandType>;
    const settled = this.#await(key);
    this.#take({ kind: 'send', command: { key, type, data: copy }, now: monotonicNow() });
    return { key, settled: settled as Promise<CommandAccepted<T>> };
  }

  /** Tries a refused command again, under its key; null when there is none. */
  retry(key: string): SentCommand | null {
    const refused = this.#entries.some((entry) => entry.key === key && entry.state === 'refused');
    if (!refused) return null;
    const settled = this.#await(key);
    this.#take({ kind: 'retry', key, now: monotonicNow() });
    return { key, settled };
  }

  /**
   * Gives up a command that is refused or waits; false when it is on its way, or not here. One that was sent before
   * without an answer may be in the log all the same.
   */
  discard(key: string): boolean {
    const before = this.#entries;
    this.#take({ kind: 'discard', key, now: monotonicNow() });
    return before.length !== this.#entries.length;
  }

  /** Called after changes of `entries`, once for all of one turn. Returns what ends it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The event of a command is as good as its answer. */
  heard(item: SubscriptionItem): void {
    if (item.kind !== 'commit' && item.kind !== 'followed') return;
    if (this.#state.slots.length === 0) return;
    for (const { commandid: key } of item.commit.events) {
      if (key !== undefined && this.#state.slots.some((slot) => slot.entry.key === key)) {
        this.#take({ kind: 'seen', key, now: monotonicNow() });
      }
    }
  }

  /** The network is there again: what waited for it is tried at once. */
  online(): void {
    this.#take({ kind: 'online', now: monotonicNow() });
  }

  /** Nothing is sent any more; what was not settled rejects, and is still in the store. */
  close(): void {
    this.#ended.abort();
    if (this.#timer) clearTimeout(this.#timer);
    for (const waiter of this.#waiters.values()) waiter.reject(closed());
    this.#waiters.clear();
  }

  #await(key: string): Promise<CommandAccepted> {
    const settled = new Promise<CommandAccepted>((resolve, reject) => {
      if (this.#ended.signal.aborted) reject(closed());
      else this.#waiters.set(key, { resolve, reject });
    });
    // Who does not ask for the outcome sees it in `entries`; it must not end the process.
    settled.catch(() => undefined);
    return settled;
  }

  async #load(): Promise<void> {
    const entries = await this.#stored.load(this.#ended.signal);
    if (entries) this.#take({ kind: 'loaded', entries, now: monotonicNow() });
  }

  #take(input: OutboxInput): void {
    if (this.#ended.signal.aborted) return;
    const { state, effects } = advanceOutbox(this.#state, input);
    this.#state = state;
    const entries = entriesOf(state);
    const changed = entries.length !== this.#entries.length || entries.some((e, n) => e !== this.#entries[n]);
    if (changed) this.#entries = entries;
    for (const effect of effects) this.#perform(effect);
    this.#schedule();
    if (changed) this.#notify();
  }

  /** Once for all that one turn changes, and not from within it: what a listener throws must not cost an answer. */
  #notify(): void {
    if (this.#notifying) return;
    this.#notifying = true;
    queueMicrotask(() => {
      this.#notifying = false;
      for (const listener of this.#listeners) {
        // Each in a turn of its own: one that throws is heard of, and costs the others nothing.
        queueMicrotask(() => this.#listeners.has(listener) && listener());
      }
    });
  }

  #perform(effect: OutboxEffect): void {
    switch (effect.do) {
      case 'post':
        void this.#post(effect.entry);
        break;
      case 'store':
        void this.#save();
        break;
      case 'settle':
        this.#settle(effect.key, effect.outcome);
        break;
    }
  }

  async #post(entry: OutboxEntry): Promise<void> {
    const { key } = entry;
    try {
      const accepted = await this.#options.post(entry, this.#ended.signal);
      this.#take({ kind: 'accepted', key, accepted, now: monotonicNow() });
    } catch (error) {
      this.#take({ kind: 'failed', key, ...failureOf(error), now: monotonicNow(), chance: Math.random() });
    }
  }

  async #save(): Promise<void> {
    if (!this.#state.loaded) return;
    await this.#stored.save(
      () => this.#entries,
      (entries) => {
        const keys = new Set(entries.map((entry) => entry.key));
        this.#take({ kind: 'stored', keys, now: monotonicNow() });
      },
    );
  }

  #settle(key: string, outcome: Extract<OutboxEffect, { do: 'settle' }>['outcome']): void {
    const waiter = this.#waiters.get(key);
    this.#waiters.delete(key);
    if (outcome === 'discarded') waiter?.reject(refusal('discarded', 'the command was discarded'));
    else if ('accepted' in outcome) waiter?.resolve(outcome.accepted);
    else waiter?.reject(new ParleyError(outcome.fault));
  }

  #schedule(): void {
    const at = dueAt(this.#state);
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (at === null) return;
    this.#timer = setTimeout(() => this.#take({ kind: 'tick', now: monotonicNow() }), timerUntil(at));
  }
}

function refusal(code: ParleyError['code'], detail: string): ParleyError {
  return new ParleyError({ code, status: 0, detail });
}

function closed(): ParleyError {
  return refusal('connection-closed', 'the outbox was closed before there was an answer');
}
