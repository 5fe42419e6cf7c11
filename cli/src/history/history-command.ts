import { conversationSubject } from '@parley/contracts';
import type { EventLog, LogRange } from '@parley/runtime';
import { Command } from 'commander';
import { lineOf } from '../log/event-line.ts';
import type { EventRow } from '../log/event-row.ts';
import { collected, conversationId, type RangeFlags, withRange } from '../log/filter-options.ts';
import { LastRows } from '../log/last-rows.ts';
import { type Look, lookAtLog } from '../log/look-at-log.ts';
import { rangeBetween } from '../log/places-in-log.ts';
import { type LogFlags, withLog } from '../places.ts';
import { EXIT, wholeNumber } from '../run-command.ts';
import { firstVersionLeft, history } from './history.ts';

interface HistoryFlags extends LogFlags, RangeFlags {
  user?: string;
  type: string[];
  lines?: number;
  json: boolean;
}

const EXAMPLES = `
Events that were stored in an older version are shown in the current one. Cursors and what members did with the
conversation for themselves is not in its history: parley tail --conversation <id> shows that too.

Examples:
  parley history 0190a000-0000-7000-8000-000000000001
  parley history 0190a000-0000-7000-8000-000000000001 --type 'member*' --json
  parley history 0190a000-0000-7000-8000-000000000001 --since 2d -n 50

Exit codes: 0 shown, 1 the log holds no such conversation, 2 wrong usage, 3 the log is not available.`;

export function historyCommand(): Command {
  return withRange(withLog(new Command('history')))
    .description('Shows every event of one conversation, oldest first.')
    .argument('<conversation>', 'its id', conversationId)
    .option('--user <id>', 'only what this user did or is named in')
    .option('--type <glob>', 'only these events, such as message.*; may be given again', collected, [])
    .option('-n, --lines <n>', 'only so many of the newest', wholeNumber)
    .option('--json', 'one JSON object a line', false)
    .addHelpText('after', EXAMPLES)
    .action((conversation: string, flags: HistoryFlags) =>
      lookAtLog(flags, (look) => show(look, conversation, flags)),
    );
}

async function show({ log, output, progress, signal }: Look, conversation: string, flags: HistoryFlags) {
  const range = await wholeOrBetween(log, flags);
  if ((await log.lastSequence(conversationSubject(conversation))) === 0) {
    progress.warn(`The log holds no conversation ${conversation}.`);
    return EXIT.differs;
  }
  const removed = await firstVersionLeft(log, conversation, range);
  if (removed !== null) progress.warn(removedNote(removed));
  const filter = { conversation, user: flags.user, types: flags.type };
  const rows = history(log, filter, range, signal);
  const line = lineOf(flags.json);
  for await (const row of flags.lines === undefined ? rows : await newest(rows, flags.lines)) {
    await output.write(line(row));
  }
  return EXIT.clean;
}

/** Of a quiet conversation the last commit stays, from long before the log is whole. */
async function wholeOrBetween(log: EventLog, flags: HistoryFlags): Promise<LogRange> {
  const range = await rangeBetween(log, flags, Date.now());
  return flags.since === undefined ? { ...range, after: 0 } : range;
}

function removedNote(version: number): string {
  return `Retention has removed what was before version ${version}: it is in the archive, and no longer in the log.`;
}

async function newest(rows: AsyncIterable<EventRow>, count: number): Promise<readonly EventRow[]> {
  const last = new LastRows<EventRow>(count);
  for await (const row of rows) last.push(row);
  return last.rows();
}
