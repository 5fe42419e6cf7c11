import type { Rebuilt } from '@parley/projector';
import { renderTable } from '../table.ts';

/** What a person wants to know of a rebuild: what differed, and how long readers waited. */
export function renderRebuilt({ compared, incomparable, switched, sequence, resumed }: Rebuilt): string {
  const lines = [`folded up to commit ${sequence}${resumed ? ', going on with an earlier run' : ''}`];
  if (compared === null) lines.push(`not compared with the live tables: ${incomparable}`);
  else lines.push(...differencesOf(compared));
  lines.push(switched ? renderSwitched(switched) : 'nothing was exchanged: this was a dry run');
  return lines.join('\n');
}

export function renderSwitched({ pauseMs, attempts, keepUntil }: NonNullable<Rebuilt['switched']>): string {
  const asked = attempts === 1 ? '' : `, at the ${attempts}th attempt`;
  return `exchanged: readers waited ${pauseMs.toFixed(0)} ms${asked}; the old tables stay until ${keepUntil} (--rollback)`;
}

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
