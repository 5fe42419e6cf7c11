/** What a fold does not apply although it is in the log. Keys are those of `aggregateKey`. */
export interface Exceptions {
  /** Conversations and users whose commits wait behind one that cannot be applied. */
  readonly parked: ReadonlySet<string>;
  /** Commits that operators decided never to apply: their sequences, by key. */
  readonly skipped: ReadonlyMap<string, ReadonlySet<number>>;
  /** Why the tables do not take a commit, by sequence. */
  readonly refused: ReadonlyMap<number, string>;
  /** Of commits of cursors only the entries of this conversation; null = all. */
  readonly only: string | null;
}

export const NO_EXCEPTIONS: Exceptions = {
  parked: new Set(),
  skipped: new Map(),
  refused: new Map(),
  only: null,
};

export function isSkipped({ skipped }: Exceptions, key: string, sequence: number): boolean {
  return skipped.get(key)?.has(sequence) === true;
}

/** True when a commit that is passed over lies between two others of its key: their versions need not follow. */
export function skipsBetween({ skipped }: Exceptions, key: string, after: number, before: number): boolean {
  for (const sequence of skipped.get(key) ?? []) if (sequence > after && sequence < before) return true;
  return false;
}
