import { parsePosition } from '@parley/contracts';
import { Command } from 'commander';
import { conversationId, type RangeFlags, withRange } from '../log/filter-options.ts';
import { type Look, lookAtLog } from '../log/look-at-log.ts';
import { parsePlace, rangeBetween } from '../log/places-in-log.ts';
import { safeJson } from '../log/printable.ts';
import { type LogFlags, withLog } from '../places.ts';
import { EXIT, UsageError } from '../run-command.ts';
import { findCommit } from './find-commit.ts';
import { commitLines, shownCommit } from './shown-commit.ts';

interface ShowFlags extends LogFlags, RangeFlags {
  conversation?: string;
  json: boolean;
}

const EXAMPLES = `
By an id the log is looked through, from --since to --until; with --conversation only that conversation's part of it.

Examples:
  parley show 1234
  parley show 0190a000-0000-7000-8000-00000000abcd --since 2d
  parley show 0190a000-0000-7000-8000-00000000abcd --conversation 0190a000-0000-7000-8000-000000000001 --json

Exit codes: 0 shown, 1 the log does not hold it, 2 wrong usage, 3 the log is not available.`;

export function showCommand(): Command {
  return withRange(withLog(new Command('show')))
    .description('Shows one commit with everything that is in it.')
    .argument('<what>', 'a sequence, a position, or the id of a message, an event or a command')
    .option('--conversation <id>', 'look for the id in this conversation only', conversationId)
    .option('--json', 'as one JSON object', false)
    .addHelpText('after', EXAMPLES)
    .action((what: string, flags: ShowFlags) => lookAtLog(flags, (look) => show(look, what, flags)));
}

async function show(look: Look, what: string, flags: ShowFlags) {
  const { log, output, progress } = look;
  const record = await find(look, what, flags);
  if (!record) {
    const { first, last } = await log.bounds();
    progress.warn(`${safeJson(what)} is not in the log, which goes from ${first} to ${last}.`);
    return EXIT.differs;
  }
  const shown = shownCommit(record, log.epoch);
  for (const line of flags.json ? [safeJson(shown)] : commitLines(shown)) await output.write(line);
  return EXIT.clean;
}

async function find({ log, progress, signal }: Look, what: string, flags: ShowFlags) {
  if (/^\d+$/.test(what) || parsePosition(what)) {
    const place = parsePlace(what, log.epoch, Date.now());
    return place.kind === 'sequence' && place.sequence > 0 ? log.at(place.sequence) : null;
  }
  if (what.length < 8) {
    throw new UsageError('Give a sequence, a position, or the whole id of a message, an event or a command.');
  }
  const range = await rangeBetween(log, flags, Date.now());
  const { conversation } = flags;
  const work = progress.start('Looking through the log', Math.max(0, range.until - range.after));
  const looked = (commits: number): void => work.advance(commits);
  try {
    return await findCommit(log, { id: what, range, conversation, signal, looked });
  } finally {
    work.stop();
  }
}
