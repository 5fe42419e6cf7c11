/** Something that is true while its holder keeps saying so: a small value under a group, which ends by itself. */
export interface Lease {
  group: string;
  /** Within its group: writing it again renews it and replaces its value. */
  id: string;
  value: string;
  /** From when the store takes it, by the store's clock. A store may round it up to whole seconds. */
  ttlMs: number;
}

export interface HeldLease {
  id: string;
  value: string;
  /** Until it ends, nearly: the clocks of store and process may differ. */
  leftMs: number;
}

/** The store does not answer now. What was written is held or not. */
export class LeasesUnavailable extends Error {
  override name = 'LeasesUnavailable';
}

/**
 * Leases shared by all processes. A lease ends by the store's clock without anybody looking, so nobody has to notice
 * that its holder died. Both calls cost one round trip for hundreds of leases and reject with `LeasesUnavailable`
 * within a few seconds when the store is away.
 */
export interface LeaseStore {
  /** A replica may answer a read with what was this long ago, in milliseconds; 0 = reads see every finished write. */
  readonly staleMs: number;
  put(leases: readonly Lease[]): Promise<void>;
  /** What is held in each group; a group without leases has no entry. */
  read(groups: readonly string[]): Promise<Map<string, HeldLease[]>>;
  /** Calls when the store is back after it was away: it may have lost leases. Gives a function that ends it. */
  onReturn(listener: () => void): () => void;
}

/** A store takes and gives many at once, but not any number. */
export function chunksOf<T>(all: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let at = 0; at < all.length; at += size) chunks.push(all.slice(at, at + size));
  return chunks;
}
