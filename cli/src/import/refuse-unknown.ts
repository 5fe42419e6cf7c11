import { UsageError } from '../run-command.ts';

const MOST_NAMED = 20;

/**
 * Throws UsageError when conversations were asked for that a source does not have, naming those that it has. `ids`: what
 * they may be asked for by besides.
 */
export function refuseUnknown(
  wanted: readonly string[],
  there: ReadonlySet<string>,
  ids: ReadonlySet<string> = new Set(),
): void {
  const unknown = wanted.filter((name) => !there.has(name) && !ids.has(name));
  if (unknown.length === 0) return;
  const named = [...there].slice(0, MOST_NAMED).join(', ');
  const more = there.size > MOST_NAMED ? ` and ${there.size - MOST_NAMED} more` : '';
  throw new UsageError(`There is no conversation ${unknown.join(' or ')} in it; there are: ${named}${more}.`);
}
