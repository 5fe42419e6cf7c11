/** One stored commit. The log does not look inside the payload. */
export interface CommitRecord {
  /** Place in the log, dense from 1 within an epoch unless retention removed a prefix. */
  sequence: number;
  subject: string;
  /** The id its writer gave it; tells a writer's own commit from somebody else's. */
  commitId: string;
  /** When the log stored it, milliseconds since 1970. */
  storedAt: number;
  payload: Uint8Array;
}

export interface AppendRequest {
  subject: string;
  commitId: string;
  payload: Uint8Array;
  /** Sequence of the last commit on this very subject (0 = none), or 'any' for subjects without order. */
  expectedLastSequence: number | 'any';
}

/**
 * `appended`: stored exactly once, at `sequence`. `conflict`: another commit came first; nothing was stored and
 * nothing of this request ever will be.
 */
export type AppendOutcome = { kind: 'appended'; sequence: number } | { kind: 'conflict' };

/**
 * The log cannot answer now. After an append the outcome is unknown to the caller: it must drop what it believed
 * about the subject, and its client retries with the same key.
 */
export class LogUnavailable extends Error {
  override name = 'LogUnavailable';
}

export interface SubscribeOptions {
  /** Deliver commits with a sequence greater than this. */
  afterSequence: number;
  /** End after the newest stored commit up to this sequence; one that is not written yet is waited for. Endless when not said. */
  until?: number;
  /** Most commits in one batch. */
  maxBatch?: number;
  /** How long a batch may wait for more after its first commit, in milliseconds. 0 = hand over what is there. */
  lingerMs?: number;
}

/**
 * Every commit after a sequence, in log order, each once, without a hole: a sequence that is missing although the log
 * holds it is read before going on. Survives server restarts and leader changes. Ends with an error only when
 * continuity is lost for good (`ContinuityLost`); ends without one at `until` and by `close`.
 */
export interface Subscription extends AsyncIterable<CommitRecord[]> {
  /** Newest sequence in the log as far as this subscription knows; lag = this − the last delivered. */
  head(): number;
  close(): Promise<void>;
}

/** The log is not the one this reader was following, or has lost what the reader needs next. */
export class ContinuityLost extends Error {
  override name = 'ContinuityLost';
  readonly reason: 'epoch' | 'truncated' | 'retention';
  constructor(reason: 'epoch' | 'truncated' | 'retention', message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface EventLog {
  /** Identity of this incarnation of the log. */
  readonly epoch: string;
  append(request: AppendRequest): Promise<AppendOutcome>;
  /** Sequence of the newest commit on a subject, asked of the leader; 0 when there is none. */
  lastSequence(subject: string): Promise<number>;
  /** Commits of one subject after a sequence, in order, in pages. May miss the newest: append is what checks. */
  read(subject: string, afterSequence: number): AsyncIterable<CommitRecord[]>;
  /** The commit at a sequence, or null. */
  at(sequence: number): Promise<CommitRecord | null>;
  /**
   * First sequence from which on the log is complete and its last, asked of the leader; first = last + 1 when it is
   * empty. Before `first` retention may have left single commits, which `read` and `at` still give.
   */
  bounds(): Promise<{ first: number; last: number }>;
  subscribe(options: SubscribeOptions): Subscription;
}

/** What a snapshot stands for: all commits of its subject up to a sequence of one log. */
export interface Covered {
  epoch: string;
  sequence: number;
}

/**
 * Folded state beside the log, by key. A lost snapshot costs time; where retention has removed what it stands for it is
 * all there is, so a newer one is never lost to an older.
 */
export interface SnapshotStore {
  get(key: string): Promise<Uint8Array | null>;
  /** False when what is there covers more of the same log: then it stays. */
  put(key: string, value: Uint8Array, covered: Covered): Promise<boolean>;
}
