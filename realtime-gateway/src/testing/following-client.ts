import type { RecordedEvent, ServerFrame } from '@parley/contracts';

/** One `sub`, as its client sees it. */
interface Sub {
  from: number;
  /** The last version that `sub-commits` brought. */
  replayed: number;
  /** The first and the last version that the feed has brought since `sub-ok`. */
  fed: { first: number; last: number } | null;
  live: boolean;
  reset: boolean;
}

/** What a well-behaved client makes of the frames about one conversation that it follows, whatever its feed is. */
export class FollowingClient {
  readonly faults: string[] = [];
  readonly refusals: string[] = [];
  readonly revoked: string[] = [];
  readonly resets: string[] = [];
  /** How often each version came. */
  readonly counts = new Map<number, number>();
  /** It has every version that it may see up to this one. */
  last = 0;
  sub: Sub | null = null;
  readonly #conversationId: string;

  constructor(conversationId: string) {
    this.#conversationId = conversationId;
  }

  /** The socket is gone. */
  drop(): void {
    this.sub = null;
  }

  read(frame: ServerFrame): void {
    switch (frame.t) {
      case 'sub-ok':
        this.sub = { from: frame.from, replayed: frame.from, fed: null, live: false, reset: false };
        this.last = Math.max(this.last, frame.from);
        break;
      case 'sub-commits':
        for (const { events } of frame.items) for (const event of events) this.#replay(versionOf(event));
        break;
      case 'sub-live':
        this.#goLive(frame.version);
        break;
      case 'commits':
        for (const { events } of frame.items) for (const event of events) this.#feed(event);
        break;
      case 'reset':
        if (frame.conversation === undefined || !this.sub) break;
        this.resets.push(frame.reason);
        this.sub.reset = true;
        break;
      case 'revoked':
        this.revoked.push(frame.reason);
        this.sub = null;
        break;
      case 'error':
        this.refusals.push(frame.code);
        break;
      default:
        break;
    }
  }

  #replay(version: number): void {
    const { sub } = this;
    if (!sub || sub.live) this.faults.push(`version ${version} replayed outside of a replay`);
    else if (version !== sub.replayed + 1) {
      this.faults.push(`version ${version} replayed after ${sub.replayed}`);
    } else sub.replayed = version;
    this.#have(version);
  }

  #goLive(version: number): void {
    const { sub } = this;
    if (!sub || sub.live) {
      this.faults.push('sub-live without a replay');
      return;
    }
    sub.live = true;
    const reached = sub.fed?.last ?? sub.replayed;
    const joins = sub.fed === null || sub.fed.first === sub.replayed + 1;
    if (!sub.reset && !(joins && reached === version)) {
      this.faults.push(`live at ${version}, replayed to ${sub.replayed}, fed ${JSON.stringify(sub.fed)}`);
    }
    this.last = Math.max(this.last, version);
    sub.fed ??= { first: version + 1, last: version };
  }

  #feed(event: RecordedEvent): void {
    if (event.subject !== `conversation/${this.#conversationId}`) return;
    const version = versionOf(event);
    const { sub } = this;
    if (sub?.fed && version !== sub.fed.last + 1) {
      this.faults.push(`version ${version} after ${sub.fed.last}`);
    }
    if (sub) sub.fed = { first: sub.fed?.first ?? version, last: version };
    this.#have(version);
  }

  #have(version: number): void {
    this.counts.set(version, (this.counts.get(version) ?? 0) + 1);
    if (version === this.last + 1) this.last = version;
  }
}

function versionOf({ version = 0 }: RecordedEvent): number {
  return version;
}
