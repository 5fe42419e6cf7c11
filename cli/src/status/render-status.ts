import { renderTable } from '../table.ts';
import type { LaneStatus, Status } from './read-status.ts';

/** What `parley status` prints for a person: what is wrong comes last, with what to do. */
export function renderStatus(status: Status): string {
  const { log, lanes, owner, deadLetters, skipped, schemas } = status;
  const count = (number: number): string => number.toLocaleString('en');
  const newest = log.newestAt === null ? 'empty' : `newest commit of ${log.newestAt}`;
  const facts = [
    ['log', `epoch ${log.epoch}`],
    ['', `commits ${count(log.first)} to ${count(log.last)}, ${newest}`],
    [
      '',
      `${sizeOf(log.bytes)}, ${count(log.subjects)} subjects: a conversation, user or partition of cursors each`,
    ],
    [
      'projector',
      owner ? `${owner.name} from ${owner.address ?? 'a local socket'}, since ${owner.since}` : 'none',
    ],
    [
      'dead letters',
      `${count(deadLetters.commits)} commits of ${count(deadLetters.keys)} conversations and users`,
    ],
    ['skipped', `${count(skipped)} commits, by operators`],
    ...schemas.map(({ name, bytes, phase, keepUntil }) => [
      name,
      [sizeOf(bytes), phase && `being built: ${phase}`, keepUntil && `kept until ${keepUntil}`]
        .filter(Boolean)
        .join(', '),
    ]),
  ];
  const head = ['lane', 'checkpoint', 'lag', '', 'owner epoch'];
  const table = renderTable([head, ...lanes.map((lane) => rowOf(lane, count))], { right: [0, 1, 2, 3, 4] });
  return [renderTable(facts), '', table, '', ...verdictOf(status)].join('\n');
}

function rowOf(
  { lane, sequence, lagCommits, lagSeconds, ownerEpoch }: LaneStatus,
  count: (n: number) => string,
) {
  const seconds = lagSeconds === null ? 'unknown' : `${lagSeconds.toFixed(1)} s`;
  return [String(lane), count(sequence), `${count(lagCommits)} commits`, seconds, count(ownerEpoch)];
}

function verdictOf({ diverged, owner, deadLetters, healthy }: Status): string[] {
  if (healthy) return ['All is well.'];
  return [
    ...(diverged === null
      ? []
      : [`The read model is not of this log: ${diverged}. If the log is the right one: parley rebuild.`]),
    ...(owner === null ? ['Nobody projects: start a projector.'] : []),
    ...(deadLetters.keys === 0 ? [] : ['Commits wait that cannot be applied: parley dead-letters list.']),
  ];
}

function sizeOf(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1_000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
