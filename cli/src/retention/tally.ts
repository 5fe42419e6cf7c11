export const KINDS = ['conversation', 'user', 'reads'] as const;
export type Kind = (typeof KINDS)[number];

/** What becomes of one subject. `kept`: why commits of it stay that were old enough; null = none does. */
export interface SubjectOutcome {
  commits: number;
  bytes: number;
  kept: { because: string; isTrouble: boolean } | null;
}

interface Kept {
  because: string;
  subjects: number;
  /** One of them. */
  example: string;
  /** Somebody should look at it. */
  isTrouble: boolean;
}

/** What was removed of one kind of subject, or would be. */
interface Tally {
  subjects: number;
  /** Subjects that commits are removed of. */
  purged: number;
  commits: number;
  /** Of payloads. */
  bytes: number;
  kept: Kept[];
}

/** Sums over all subjects of each kind; its size does not grow with their number. */
export class Tallies {
  readonly #kinds = new Map<Kind, Tally>(
    KINDS.map((kind) => [kind, { subjects: 0, purged: 0, commits: 0, bytes: 0, kept: [] }]),
  );

  add(kind: Kind, subject: string, { commits, bytes, kept }: SubjectOutcome): void {
    const tally = this.of(kind);
    tally.subjects++;
    tally.commits += commits;
    tally.bytes += bytes;
    if (commits > 0) tally.purged++;
    if (!kept) return;
    const same = tally.kept.find(({ because }) => because === kept.because);
    if (same) same.subjects++;
    else tally.kept.push({ ...kept, subjects: 1, example: subject });
  }

  of(kind: Kind): Tally {
    const tally = this.#kinds.get(kind);
    if (!tally) throw new Error(`no such kind of subject: ${kind}`);
    return tally;
  }

  hasTrouble(): boolean {
    return Object.values(this.all()).some(({ kept }) => kept.some(({ isTrouble }) => isTrouble));
  }

  all(): Record<Kind, Tally> {
    return { conversation: this.of('conversation'), user: this.of('user'), reads: this.of('reads') };
  }
}
