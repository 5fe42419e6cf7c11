import type { ParleyError } from '../parley-error.ts';

/** Something that changes. `current` is another object if and only if its content is another. */
export interface View<T> {
  readonly current: T;
  /** Called after `current` changed, once for all that came in together. What it returns ends it. */
  listen(listener: () => void): () => void;
}

/**
 * `loading`: nothing is known yet. `fresh`: up to date. `stale`: as it was, or lower bounds; it is being made up to date.
 * `refused`: the server says that there is nothing to see, and why.
 */
export type Shown<T> =
  | { readonly state: 'loading'; readonly value: null; readonly error: null }
  | { readonly state: 'fresh' | 'stale'; readonly value: T; readonly error: null }
  | { readonly state: 'refused'; readonly value: null; readonly error: ParleyError };

export const LOADING = { state: 'loading', value: null, error: null } as const;

/** The old one when it says the same. */
export function shownAs<T>(before: Shown<T>, next: Shown<T>): Shown<T> {
  const same = before.state === next.state && before.value === next.value && before.error === next.error;
  return same ? before : next;
}
