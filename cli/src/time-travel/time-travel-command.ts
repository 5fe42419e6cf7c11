import type { EventLog } from '@parley/runtime';
import { Command } from 'commander';
import { conversationId } from '../log/filter-options.ts';
import { parsePlace, sequenceThrough } from '../log/log-range.ts';
import { type Look, lookAtLog } from '../log/look-at-log.ts';
import { safeJson } from '../log/printable.ts';
import { type PlaceFlags, withPlaces } from '../places.ts';
import { EXIT, wholeNumber } from '../run-command.ts';
import { pastLines } from './past-lines.ts';
import { type Moment, timeTravel } from './time-travel.ts';

interface TimeTravelFlags extends PlaceFlags {
  at: string;
  messages: number;
  json: boolean;
}

const EXAMPLES = `
From the log alone, so that texts which were edited or deleted since are shown as they were then.

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
  const past = await timeTravel(log, conversation, moment, { messages: flags.messages, signal });
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
  return { through: await sequenceThrough(log, parsePlace(text, log.epoch, Date.now())) };
}
