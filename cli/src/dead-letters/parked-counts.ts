import { counted } from '../log/counted.ts';

/** `9 commits of 2 conversations or users`. */
export function parkedCounts({ keys, commits }: { keys: number; commits: number }): string {
  return `${counted(commits, 'commit')} of ${keys === 1 ? '1 conversation or user' : `${keys} conversations or users`}`;
}
