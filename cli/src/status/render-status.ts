import { parkedCounts } from '../dead-letters/parked-counts.ts';
import { counted, grouped } from '../log/counted.ts';
import { renderTable } from '../table.ts';
import type { LaneStatus, Status } from './read-status.ts';

/** What `parley status` prints for a person: what is wrong comes last, with what to do. */
export function renderStatus(status: Status): string {
  const { log, lanes, owner, deadLetters, skipped, schemas } = status;
  const newest = log.newestAt === null ? 'empty' : `newest commit of ${log.newestAt}`;
  const facts = [
    ['log', `epoch ${log.epoch}`],
    ['', `commits ${grouped(log.first)} to ${grouped(log.last)}, ${newest}`],
    ...(log.first > 1
      ? [
          [
            '',
            `complete from ${grouped(log.first)} on; before it: the archive (rebuild, verify: --from-archive <folder>)`,
          ],
        ]
      : []),
    [
      '',
      `${sizeOf(log.bytes)}, ${counted(log.subjects, 'subject')}: a conversation, user or partition of cursors each`,
    ],
    [
      'projector',
      owner ? `${owner.name} from ${owner.address ?? 'a local socket'}, since ${owner.since}` : 'none',
    ],
    ['dead letters', parkedCounts(deadLetters)],
    ['skipped', `${counted(skipped, 'commit')}, by operators`],
    ...schemas.map(({ name, bytes, phase, keepUntil }) => [
      name,
      [sizeOf(bytes), phase && `being built: ${phase}`, keepUntil && `kept until ${keepUntil}`]
        .filter(Boolean)
        .join(', '),
    ]),
  ];
  const head = ['lane', 'checkpoint', 'lag', '', 'owner epoch'];
  const table = renderTable([head, ...lanes.map(rowOf)], { right: [0, 1, 2, 3, 4] });
  return [renderTable(facts), '', table, '', ...verdictOf(status)].join('\n');
}

function rowOf({ lane, sequence, lagCommits, lagSeconds, ownerEpoch }: LaneStatus): string[] {
  const seconds = lagSeconds === null ? 'unknown' : `${lagSeconds.toFixed(1)} s`;
  return [String(lane), grouped(sequence), counted(lagCommits, 'commit'), seconds, grouped(ownerEpoch)];
}

function verdictOf({ diverged, owner, deadLetters, stopped, healthy }: Status): string[] {
  if (healthy) return ['All is well.'];
  return [
    ...(diverged === null
      ? []
      : [`The read model is not of this log: ${diverged}. If the log is the right one: parley rebuild.`]),
    ...(owner === null ? ['Nobody projects: start a projector.'] : []),
    ...(deadLetters.keys === 0 ? [] : ['Commits wait that cannot be applied: parley dead-letters list.']),
    ...(stopped === null ? [] : [stoppedText(stopped)]),
  ];
}

function stoppedText({ startedAt, isRollback }: NonNullable<Status['stopped']>): string {
  return isRollback
    ? `A rollback was begun at ${startedAt} and stopped: run \`parley rebuild --rollback\`.`
    : `A rebuild was begun at ${startedAt} and stopped: run \`parley rebuild\`; \`parley rebuild --dry-run\` ends it without ` +
        'exchanging.';
}

function sizeOf(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1_000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
