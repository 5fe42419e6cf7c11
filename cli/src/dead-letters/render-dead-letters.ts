import type { ParkedKey } from '@parley/projector';
import { clipped, printable } from '../log/printable.ts';
import { renderTable } from '../table.ts';
import type { RetryOutcome } from './retry-keys.ts';

const REASON_WIDTH = 80;

export function renderList(keys: readonly ParkedKey[]): string {
  if (keys.length === 0) return 'Nothing is parked: every commit is applied.';
  const rows = keys.map((parked) => [
    printable(parked.key),
    String(parked.commits),
    String(parked.sequence),
    String(parked.attempts),
    parked.parkedAt.toISOString(),
    parked.retryWanted ? '(to be tried again)' : clipped(parked.reason ?? 'waits', REASON_WIDTH),
  ]);
  const heading = ['key', 'commits', 'first', 'attempts', 'since', 'reason'];
  return renderTable([heading, ...rows], { right: [1, 2, 3] });
}

export function renderOutcomes(outcomes: readonly RetryOutcome[]): string {
  return outcomes
    .map(({ key, done, left }) => {
      const applied = `${printable(key)}: ${done} ${done === 1 ? 'commit is' : 'commits are'} done`;
      if (left === null) return `${applied}, nothing is parked any more.`;
      const reason = printable(left.reason ?? 'it waits');
      return `${applied}, ${left.commits} still parked: commit ${left.sequence} cannot be applied: ${reason}`;
    })
    .join('\n');
}
