import type { CommitItem } from '@parley/contracts';

/** Commits that may come while an answer is on its way; after more of them it is asked for again. */
const MAX_SINCE = 1_000;

/** A model that an answer of the read API begins and commits keep up to date. */
export interface Kept<M> {
  readonly model: M | null;
  /** The commits since the load that is under way began; null when none is. */
  readonly since: readonly CommitItem[] | null;
  /** Commits are missing: what comes cannot be applied until the model is loaded. */
  readonly cut: boolean;
  /** The answer under way will be of before something that no commit tells. */
  readonly again: boolean;
}

export interface Fold<M> {
  /** Null when the model holds no more. The same model when the commit changes nothing. */
  apply(model: M, commit: CommitItem): M | null;
  isStale(model: M): boolean;
}

export const UNKNOWN = { model: null, since: null, cut: false, again: false } as const;

export function isExact<M>({ model, cut }: Kept<M>, fold: Fold<M>): boolean {
  return model !== null && !cut && !fold.isStale(model);
}

export function wantsLoad<M>(kept: Kept<M>, fold: Fold<M>): boolean {
  return kept.since === null && !isExact(kept, fold);
}

export function beginLoad<M>(kept: Kept<M>): Kept<M> {
  return { ...kept, since: [], again: false };
}

/** Both to what is shown now and to what the load under way will bring. */
export function takeCommit<M>(kept: Kept<M>, commit: CommitItem, fold: Fold<M>): Kept<M> {
  const model = kept.model === null || kept.cut ? kept.model : fold.apply(kept.model, commit);
  if (kept.since === null && model === kept.model) return kept;
  const full = (kept.since?.length ?? 0) >= MAX_SINCE;
  return {
    model: model ?? kept.model,
    since: full || kept.since === null ? kept.since : [...kept.since, commit],
    cut: kept.cut || (model === null && kept.model !== null),
    again: kept.again || full,
  };
}

/** `answer` reflects at least where the subscription was when the load began. */
export function endLoad<M>(kept: Kept<M>, answer: M, fold: Fold<M>): Kept<M> {
  const started: Kept<M> = { model: answer, since: null, cut: false, again: false };
  const { model, cut } = (kept.since ?? []).reduce((next, commit) => takeCommit(next, commit, fold), started);
  return { model, since: null, cut: cut || kept.again, again: false };
}

export function failLoad<M>(kept: Kept<M>): Kept<M> {
  return { ...kept, since: null, again: false };
}

/** The subscription does not go on from where it was. Of another log nothing is kept. */
export function cutOff<M>(kept: Kept<M>, anotherLog: boolean): Kept<M> {
  return { ...kept, model: anotherLog ? null : kept.model, cut: true, again: true };
}
