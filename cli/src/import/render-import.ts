import { renderTable } from '../table.ts';
import { type ImportTally, type Outcome, THINGS, TYPES } from './import-tally.ts';

const MOST_SHOWN = 10;
const OUTCOMES = ['made', 'present', 'refused'] as const;

/** What a dry run found. */
export function renderPlan(tally: ImportTally, people: number): string {
  const rows = THINGS.map((thing) => [
    thing,
    ...TYPES.map((type) => String(tally.count(thing, 'planned', [type]))),
    String(tally.count(thing, 'planned')),
  ]);
  const heading = ['would be made', 'channels', 'groups', 'direct', 'all'];
  const names = people > 0 ? [['names of people', '', '', '', String(people)]] : [];
  return [renderTable([heading, ...rows, ...names], { right: [1, 2, 3, 4] }), ...rest(tally)].join('\n\n');
}

/** What an import did. */
export function renderImported(tally: ImportTally): string {
  const rows = THINGS.map((thing) => [
    thing,
    ...OUTCOMES.map((outcome) => String(tally.count(thing, outcome))),
  ]);
  const heading = ['imported', 'new', 'there already', 'refused'];
  return [renderTable([heading, ...rows], { right: [1, 2, 3] }), ...rest(tally)].join('\n\n');
}

/** All of it, for programs. */
export function importReport(tally: ImportTally, outcomes: readonly Outcome[]): object {
  const counts = outcomes.map((outcome) => [
    outcome,
    Object.fromEntries(THINGS.map((thing) => [thing, tally.count(thing, outcome)])),
  ]);
  const { items, skipped, changed, refused, refusals, complete } = tally;
  return {
    items,
    ...Object.fromEntries(counts),
    skipped,
    changed,
    refusedCommands: refused,
    refusals,
    complete,
  };
}

function rest(tally: ImportTally): string[] {
  const parts: string[] = [];
  if (tally.skipped.length > 0) {
    const rows = tally.skipped
      .toSorted((a, b) => b.count - a.count)
      .map(({ reason, count, loss, first }) => [reason, String(count), loss ? 'yes' : 'no', first]);
    parts.push(renderTable([['skipped', 'times', 'lost', 'first at'], ...rows], { right: [1] }));
  }
  if (tally.changed.length > 0) {
    const rows = tally.changed.map(({ reason, count }) => [reason, String(count)]);
    parts.push(renderTable([['kept in another form', 'times'], ...rows], { right: [1] }));
  }
  if (tally.refusals.length > 0) {
    const rows = tally.refusals.slice(0, MOST_SHOWN).map((each) => Object.values(each));
    const more = tally.refused > MOST_SHOWN ? `\n… and ${tally.refused - MOST_SHOWN} more` : '';
    parts.push(renderTable([['refused at', 'command', 'code', 'why'], ...rows]) + more);
  }
  return parts;
}
