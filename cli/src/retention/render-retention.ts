import { printable } from '../log/printable.ts';
import { renderTable } from '../table.ts';
import type { Limit } from './plan.ts';
import type { Restored } from './restore-snapshots.ts';
import { KINDS, type Kind, type Tallies } from './tally.ts';

const NAMES: Record<Kind, string> = { conversation: 'conversations', user: 'users', reads: 'cursors' };
const FAILURES_SHOWN = 20;

/** `limit`: the lowest one, whatever else there is. */
export function renderRetention(tallies: Tallies, limit: Limit, { dryRun }: { dryRun: boolean }): string {
  const rows = KINDS.map((kind) => {
    const { subjects, purged, commits, bytes } = tallies.of(kind);
    return [NAMES[kind], count(subjects), count(purged), count(commits), megabytes(bytes)];
  });
  const heading = ['', 'SUBJECTS', 'WITH OLD COMMITS', dryRun ? 'TO REMOVE' : 'REMOVED', 'BYTES'];
  const kept = KINDS.flatMap((kind) =>
    tallies
      .of(kind)
      .kept.map(
        ({ because, subjects, example }) =>
          `  ${count(subjects)} ${NAMES[kind]}: ${printable(because)} (${printable(example)})`,
      ),
  );
  return [
    renderTable([heading, ...rows], { right: [1, 2, 3, 4] }),
    '',
    `Nothing after commit ${count(limit.through)}: ${limit.because}.`,
    'The last commit of every conversation and user stays.',
    ...(kept.length > 0 ? ['Kept although it is old:', ...kept] : []),
  ].join('\n');
}

export function renderRestored({ purged, restored, failed }: Restored): string {
  const told = failed
    .slice(0, FAILURES_SHOWN)
    .map(({ subject, reason }) => `  ${printable(subject)}: ${printable(reason)}`);
  return [
    `${count(purged)} conversations and users live from a snapshot. ${count(restored)} of them were made anew.`,
    ...(failed.length > 0 ? [`${count(failed.length)} cannot be:`, ...told] : []),
  ].join('\n');
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
