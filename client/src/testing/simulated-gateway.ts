import {
  type ClientFrame,
  type CommitItem,
  formatPosition,
  type ServerFrame,
  SOCKET_LIMITS,
} from '@parley/contracts';
import type {
  ConnectionEffect,
  ConnectionInput,
  ConnectionState,
  SubscriptionItem,
} from '../connection-model.ts';
import { advance, initialState } from '../connection-state.ts';
import { helloFrame } from '../outgoing.ts';

const EPOCH = '00000000-0000-4000-8000-000000000001';
export const at = (sequence: number, epoch = EPOCH): string => formatPosition(epoch, sequence);

export function commitOf(seq: number, conversation: string, first: number, last = first): CommitItem {
  const events = Array.from({ length: last - first + 1 }, (_, n) => ({
    id: `${conversation}-${first + n}`,
    type: 'message.sent',
    subject: `conversation/${conversation}`,
    version: first + n,
    data: {},
  }));
  return { seq, events: events as unknown as CommitItem['events'] };
}

export function welcomeFrame(position: string, epoch = EPOCH): ServerFrame {
  return {
    t: 'welcome',
    connection: 'c',
    user: 'ann',
    epoch,
    position,
    heartbeatMs: 25_000,
    expiresAt: 0,
    limits: SOCKET_LIMITS,
    resumed: true,
  };
}

interface Entry {
  conversation: string;
  item: CommitItem;
}

/**
 * A gateway as the protocol describes it, without a socket or a clock: what it sends waits in `queue` until the test
 * lets it arrive, or loses it. It drives the client's state, and collects what the consumer gets.
 */
export class SimulatedGateway {
  readonly log: Entry[] = [];
  readonly queue: ServerFrame[] = [];
  readonly items: SubscriptionItem[] = [];
  readonly received: ClientFrame[] = [];
  readonly #members: ReadonlySet<string>;
  readonly #attached = new Set<string>();
  #connected = false;
  now = 1_000_000;
  state: ConnectionState;

  constructor(members: readonly string[], since = 0) {
    this.#members = new Set(members);
    this.state = initialState();
    this.take({ kind: 'start', since: at(since), now: this.now });
  }

  get head(): number {
    return this.log.length;
  }

  versionOf(conversation: string): number {
    return (
      this.log.findLast((entry) => entry.conversation === conversation)?.item.events.at(-1)?.version ?? 0
    );
  }

  /** One more commit, and its frame on the way to those who get it live. */
  write(conversation: string, events = 1): void {
    const first = this.versionOf(conversation) + 1;
    const item = commitOf(this.head + 1, conversation, first, first + events - 1);
    this.log.push({ conversation, item });
    const mine = this.#members.has(conversation) || this.#attached.has(conversation);
    if (this.#connected && mine) this.queue.push({ t: 'commits', items: [item] });
  }

  heartbeat(): void {
    if (this.#connected) this.queue.push({ t: 'hb', position: at(this.head) });
  }

  take(input: ConnectionInput): void {
    const { state, effects } = advance(this.state, input);
    this.state = state;
    for (const effect of effects) this.#perform(effect);
  }

  arrive(frame: ServerFrame, generation = this.state.generation): void {
    this.take({ kind: 'frame', generation, frame, now: this.now, chance: 0.5 });
  }

  /** Lets the next frames arrive. */
  pump(count = Number.POSITIVE_INFINITY): void {
    for (let n = 0; n < count; n++) {
      const frame = this.queue.shift();
      if (!frame) return;
      this.arrive(frame);
    }
  }

  cut(): void {
    const { generation } = this.state;
    this.#close();
    this.take({ kind: 'closed', generation, code: 1006, reason: '', now: this.now, chance: 0.5 });
  }

  pass(ms: number): void {
    this.now += ms;
    this.take({ kind: 'tick', now: this.now, chance: 0.5 });
  }

  /** Everything arrives, and everything asked for is answered. */
  settle(): void {
    for (let n = 0; n < 500; n++) {
      this.pump();
      this.pass(1_000);
      if (this.queue.length === 0 && this.state.phase.name === 'live') {
        if (this.state.following.wanted.length === 0) return;
      }
      if (n % 20 === 19) this.arrive({ t: 'hb', position: at(this.state.position?.sequence ?? 0) });
    }
    throw new Error('the connection does not come to rest');
  }

  #close(): void {
    this.#connected = false;
    this.#attached.clear();
    this.queue.length = 0;
  }

  #perform(effect: ConnectionEffect): void {
    const { generation } = this.state;
    switch (effect.do) {
      case 'get-token':
        this.take({ kind: 'token', generation, token: 't', now: this.now });
        break;
      case 'open': {
        this.take({ kind: 'opened', generation, now: this.now });
        this.#receive(helloFrame(this.state, 't'));
        break;
      }
      case 'send':
        this.#receive(effect.frame);
        break;
      case 'close':
        this.#close();
        break;
      case 'deliver':
        this.items.push(effect.item);
        break;
    }
  }

  #receive(frame: ClientFrame): void {
    this.received.push(frame);
    if (frame.t === 'hello') this.#onHello(frame.since ?? at(this.head));
    else if (frame.t === 'sub') this.#onSub(frame);
    else if (frame.t === 'unsub') this.#attached.delete(frame.conversation);
  }

  #onHello(since: string): void {
    this.#connected = true;
    const from = Number(since.split(':')[1]);
    this.queue.push(welcomeFrame(since));
    const missed = this.log.slice(from).filter((entry) => this.#members.has(entry.conversation));
    for (const { item } of missed) this.queue.push({ t: 'commit', ...item });
    this.queue.push({ t: 'live', position: at(this.head) });
  }

  #onSub({ id, conversation, from: wanted }: Extract<ClientFrame, { t: 'sub' }>): void {
    const head = this.versionOf(conversation);
    const from = wanted === 'head' ? head : wanted;
    this.queue.push({ t: 'sub-ok', id, conversation, from, head });
    for (const entry of this.log) {
      const last = entry.item.events.at(-1)?.version ?? 0;
      if (entry.conversation !== conversation || last <= from) continue;
      this.queue.push({ t: 'sub-commits', conversation, items: [entry.item] });
    }
    this.queue.push({ t: 'sub-live', conversation, version: head });
    if (!this.#members.has(conversation)) this.#attached.add(conversation);
  }
}
