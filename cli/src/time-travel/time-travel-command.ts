import type { EventLog } from '@parley/runtime';
import { Command } from 'commander';
import { conversationId } from '../log/filter-options.ts';
import { type Look, lookAtLog } from '../log/look-at-log.ts';
import { parsePlace, sequenceThrough } from '../log/places-in-log.ts';
import { safeJson } from '../log/printable.ts';
import { type PlaceFlags, seekReadModel, withPlaces } from '../places.ts';
import type { Progress } from '../progress.ts';
import { EXIT, UsageError, wholeNumber } from '../run-command.ts';
import { pastLines } from './past-lines.ts';
import { skippedCommits } from './skipped-commits.ts';
import { type Moment, timeTravel } from './time-travel.ts';

interface TimeTravelFlags extends PlaceFlags {
  at: string;
  messages: number;
  json: boolean;
}

const EXAMPLES = `
From the log alone, so that texts which were edited or deleted since are shown as they were then. Commits that operators
skipped (parley dead-letters skip) are passed over, as in the read model; that needs Postgres, and only that.

Examples:
  parley time-travel 0190a000-0000-7000-8000-000000000001 --at 2026-11-20T09:30:00Z
  parley time-travel 0190a000-0000-7000-8000-000000000001 --at v17 --messages 100
  parley time-travel 0190a000-0000-7000-8000-000000000001 --at 2d --json

Exit codes: 0 shown, 1 it did not exist then, 2 wrong usage, 3 the log is not available or lacks its beginning.`;

export function timeTravelCommand(): Command {
  return withPlaces(new Command('time-travel'))
    .description('Shows a conversation as it was.')
    .argument('<conversation>', 'its id', conversationId)
    .requiredOption(
      '--at <moment>',
      'a time, 10m or 2d ago, a sequence, a position, or v17 for its version 17',
    )
    .option('-n, --messages <n>', 'so many of the messages that were the newest', wholeNumber, 20)
    .option('--json', 'as one JSON object', false)
    .addHelpText('after', EXAMPLES)
    .action((conversation: string, flags: TimeTravelFlags) =>
      lookAtLog(flags, (look) => show(look, conversation, flags)),
    );
}

async function show({ log, output, progress, signal }: Look, conversation: string, flags: TimeTravelFlags) {
  const moment = await momentOf(log, flags.at);
  const skipped = await whatIsSkipped(log.epoch, conversation, flags, progress);
  const past = await timeTravel(log, conversation, moment, { messages: flags.messages, skipped, signal });
  if (!past) {
    progress.warn(`There was no conversation ${conversation} then.`);
    return EXIT.differs;
  }
  for (const line of flags.json ? [safeJson(past)] : pastLines(past)) await output.write(line);
  return EXIT.clean;
}

async function momentOf(log: EventLog, text: string): Promise<Moment> {
  const version = /^v(\d{1,15})$/.exec(text);
  if (version) return { version: Number(version[1]) };
  const place = parsePlace(text, log.epoch, Date.now());
  const { last } = await log.bounds();
  if (place.kind === 'sequence' && place.sequence > last) {
    throw new UsageError(`${text} is beyond the end of the log, which is at ${last}.`);
  }
  return { through: await sequenceThrough(log, place) };
}

/** Without a read model there is nobody who could have skipped one; one that does not answer is told, and that is all. */
async function whatIsSkipped(
  epoch: string,
  conversation: string,
  flags: PlaceFlags,
  progress: Progress,
): Promise<ReadonlySet<number>> {
  const postgres = await seekReadModel(flags);
  if (postgres === null) return new Set();
  try {
    return await skippedCommits(postgres, { epoch, conversation });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    progress.warn(`Whether operators skipped commits is not known: Postgres does not answer (${why}).`);
    return new Set();
  }
}
