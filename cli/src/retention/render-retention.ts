import { counted, grouped } from '../log/counted.ts';
import { printable } from '../log/printable.ts';
import { renderTable } from '../table.ts';
import type { Limit } from './plan.ts';
import type { Restored } from './restore-snapshots.ts';
import { KINDS, type Kind, type Tallies } from './tally.ts';

const NAMES: Record<Kind, string> = { conversation: 'conversations', user: 'users', reads: 'cursors' };
const SINGULAR: Record<Kind, string> = {
  conversation: 'conversation',
  user: 'user',
  reads: 'cursor partition',
};
const FAILURES_SHOWN = 20;

interface Shown {
  tallies: Tallies;
  /** The lowest one, whatever else there is. */
  limit: Limit;
  /** All that keeps what is old enough. */
  barriers: readonly Limit[];
}

export function renderRetention(
  { tallies, limit, barriers }: Shown,
  { dryRun }: { dryRun: boolean },
): string {
  const rows = KINDS.map((kind) => {
    const { subjects, purged, commits, bytes } = tallies.of(kind);
    return [NAMES[kind], grouped(subjects), grouped(purged), grouped(commits), megabytes(bytes)];
  });
  const heading = ['', 'SUBJECTS', 'WITH OLD COMMITS', dryRun ? 'TO REMOVE' : 'REMOVED', 'BYTES'];
  const kept = KINDS.flatMap((kind) =>
    tallies
      .of(kind)
      .kept.map(
        ({ because, subjects, example }) =>
          `  ${counted(subjects, SINGULAR[kind])}: ${printable(because)} (${printable(example)})`,
      ),
  );
  return [
    renderTable([heading, ...rows], { right: [1, 2, 3, 4] }),
    '',
    ...(barriers.length > 0 ? barriers : [limit]).map(
      ({ through, because }) => `Nothing after commit ${grouped(through)}: ${because}.`,
    ),
    'The last commit of every conversation and user stays.',
    ...(kept.length > 0 ? ['Kept although it is old:', ...kept] : []),
  ].join('\n');
}

export function renderRestored({ purged, restored, failed }: Restored): string {
  const told = failed
    .slice(0, FAILURES_SHOWN)
    .map(({ subject, reason }) => `  ${printable(subject)}: ${printable(reason)}`);
  return [
    `Conversations and users that live from a snapshot: ${grouped(purged)}. Made anew: ${grouped(restored)}.`,
    ...(failed.length > 0 ? [`Cannot be made: ${grouped(failed.length)}`, ...told] : []),
  ].join('\n');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
