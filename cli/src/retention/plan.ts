/** Something that all commits after a sequence are needed for, or that knows none after it. */
export interface Limit {
  /** The last commit that may be removed as far as this is concerned. */
  through: number;
  /** What it is, for a person. */
  because: string;
  /** Every run ends at one like it: there is nothing to do about it. */
  isOrdinary?: boolean;
}

/** Those of the limits that keep what is old enough, the lowest first. */
export function barriersTo(old: Limit, limits: readonly Limit[]): Limit[] {
  return limits.filter(({ through }) => through < old.through).sort((a, b) => a.through - b.through);
}

/** The lowest of some limits: nothing after it is removed, of any subject. */
export function lowestLimit(limits: readonly [Limit, ...Limit[]]): Limit {
  return limits.reduce((lowest, each) => (each.through < lowest.through ? each : lowest));
}

/** What one subject says about its own commits. */
interface SubjectNeeds {
  /** Its newest commit: the next append on the subject expects it, so it is never removed. */
  last: number;
  /** Up to where a snapshot stands for its commits; null = it keeps no state, so none has to. */
  snapshot: number | null;
  /** Of its oldest commit that something points at; null = none. */
  neededFrom: number | null;
}

/** The last commit of a subject that may be removed; 0 = none. `through` is the lowest limit of all subjects. */
export function purgeThrough(through: number, { last, snapshot, neededFrom }: SubjectNeeds): number {
  const bounds = [through, last - 1, snapshot ?? through, (neededFrom ?? through + 1) - 1];
  return Math.max(0, Math.min(...bounds));
}
