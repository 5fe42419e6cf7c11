import type { Rebuilt } from '@parley/projector';
import { renderTable } from '../table.ts';

/** What a person wants to know of a rebuild: what differed, and how long readers waited. */
export function renderRebuilt({
  compared,
  incomparable,
  switched,
  sequence,
  resumed,
  parked,
}: Rebuilt): string {
  const lines = [`folded up to commit ${sequence}${resumed ? ', going on with an earlier run' : ''}`];
  if (compared === null) lines.push(`not compared with the live tables: ${incomparable}`);
  else lines.push(...differencesOf(compared));
  if (parked.keys > 0) {
    lines.push(
      `of ${parked.keys} conversations or users ${parked.commits} commits could not be applied and wait: parley dead-letters list`,
    );
  }
  lines.push(switched ? renderSwitched(switched) : 'nothing was exchanged: this was a dry run');
  return lines.join('\n');
}

export function renderSwitched(switched: NonNullable<Rebuilt['switched']>): string {
  const { pauseMs, attempts, longestPauseMs, totalPauseMs, projectorPauseMs } = switched;
  const lines = [
    `exchanged: readers waited ${inMs(pauseMs)}; the old tables stay until ${switched.keepUntil} (--rollback)`,
  ];
  if (attempts > 1) {
    lines.push(
      `it took ${attempts} attempts: readers waited ${inMs(longestPauseMs)} at most at once, ${inMs(totalPauseMs)} in all`,
    );
  }
  lines.push(`the projector stood still for ${inMs(projectorPauseMs)}`);
  if (switched.leftBehind.length > 0) {
    lines.push(`not on the new tables, make it anew if it is wanted: ${switched.leftBehind.join(', ')}`);
  }
  return lines.join('\n');
}

const inMs = (time: number): string => `${time.toFixed(0)} ms`;

function differencesOf(compared: NonNullable<Rebuilt['compared']>): string[] {
  const faulty = compared.filter(({ missing, extra, different }) => missing + extra + different > 0);
  if (faulty.length === 0) return [`the live tables were right: ${compared.length} compared, no difference`];
  const rows = faulty.map(({ table, missing, extra, different }) =>
    [table, missing, extra, different].map(String),
  );
  return [
    'rows of the live tables that were not as the log says:',
    renderTable([['table', 'missing', 'too many', 'different'], ...rows], { right: [1, 2, 3] }),
  ];
}
