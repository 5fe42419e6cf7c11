import type { Rebuilt, RolledBack } from '@parley/projector';
import { parkedCounts } from '../dead-letters/parked-counts.ts';
import { grouped } from '../log/counted.ts';
import { renderTable } from '../table.ts';

/** What a person wants to know of a rebuild: what differed, and how long readers waited. */
export function renderRebuilt({
  compared,
  incomparable,
  switched,
  sequence,
  resumed,
  startedAt,
  parked,
}: Rebuilt): string {
  const lines = [
    `folded up to commit ${grouped(sequence)}${resumed ? `, going on with the run of ${startedAt}` : ''}`,
  ];
  if (compared === null) lines.push(`not compared with the live tables: ${incomparable}`);
  else lines.push(...differencesOf(compared));
  if (parked.keys > 0) {
    lines.push(
      `${parkedCounts(parked)} could not be applied and ${parked.commits === 1 ? 'waits' : 'wait'}: parley dead-letters list`,
    );
  }
  if (switched) lines.push(renderSwitched(switched));
  else lines.push('nothing was exchanged: this was a dry run');
  if (!switched && resumed)
    lines.push(`This ended the rebuild begun at ${startedAt}; what it had built is dropped.`);
  return lines.join('\n');
}

/** What is in use after a rollback, and whether it was found to be right. */
export function renderRolledBack(rolledBack: RolledBack): string {
  const { replacedAt, differed } = rolledBack;
  const verdict = differed
    ? ' They differed from the log when they were replaced: run `parley verify`.'
    : ' Whether they are what the log says: `parley verify`.';
  return [
    renderSwitched(rolledBack),
    `In use now: the tables that were replaced at ${replacedAt}, caught up with the log.${verdict}`,
  ].join('\n');
}

function renderSwitched(switched: NonNullable<Rebuilt['switched']>): string {
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
