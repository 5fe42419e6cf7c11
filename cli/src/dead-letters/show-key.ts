import { listDeadLetters, parkedCommits } from '@parley/projector';
import type { EventLog } from '@parley/runtime';
import type { Pool } from 'pg';
import { counted } from '../log/counted.ts';
import { clipped, printable } from '../log/printable.ts';
import { UsageError } from '../run-command.ts';
import { renderTable } from '../table.ts';

const MOST_SHOWN = 20;
const MOST_PAYLOAD = 4_000;

export interface ShownKey {
  key: string;
  commits: number;
  parked: Awaited<ReturnType<typeof parkedCommits>>;
  /** Of the first: what the log holds, as text; null = nothing any more. */
  payload: string | null;
}

/** The first commits that are parked under a key, and what the very first holds. Throws UsageError for any other key. */
export async function showKey(pool: Pool, log: EventLog, key: string): Promise<ShownKey> {
  const [found] = await listDeadLetters(pool, key);
  if (!found) throw notParked(key);
  const parked = await parkedCommits(pool, key, MOST_SHOWN);
  const record = await log.at(found.sequence);
  const same = record !== null && record.commitId === parked[0]?.commitId;
  const payload = same ? new TextDecoder().decode(record.payload) : null;
  return { key, commits: found.commits, parked, payload };
}

export function notParked(key: string): UsageError {
  return new UsageError(
    `Nothing is parked under ${printable(key)}. \`parley dead-letters list\` shows the keys: conv.<conversation id>, ` +
      'user.<user>, reads.<partition>.',
  );
}

export function renderKey({ key, commits, parked, payload }: ShownKey): string {
  const rows = parked.map((each) => [
    String(each.sequence),
    String(each.attempts),
    each.commitId,
    printable(each.reason ?? '(waits)'),
  ]);
  const more = commits - parked.length;
  return [
    `${printable(key)}: ${counted(commits, 'commit')} parked`,
    renderTable([['sequence', 'attempts', 'commit', 'reason'], ...rows], { right: [0, 1] }),
    ...(more > 0 ? [`… and ${more} more`] : []),
    '',
    payload === null ? 'The log does not hold the first any more.' : 'The first, as the log holds it:',
    ...(payload === null ? [] : [clipped(payload, MOST_PAYLOAD)]),
  ].join('\n');
}
