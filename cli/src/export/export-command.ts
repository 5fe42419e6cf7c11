import { type EventLog, readRange } from '@parley/runtime';
import { Command, Option } from 'commander';
import { counted, grouped } from '../log/counted.ts';
import { rowsOf } from '../log/event-row.ts';
import { type Look, lookAtLog } from '../log/look-at-log.ts';
import { parsePlace } from '../log/places-in-log.ts';
import { safeJson } from '../log/printable.ts';
import { type LogFlags, withLog } from '../places.ts';
import type { Progress } from '../progress.ts';
import { EXIT, UsageError, wholeNumber } from '../run-command.ts';
import { exportLog } from './export-log.ts';
import type { Format } from './part.ts';
import { withoutTexts } from './without-texts.ts';

interface ExportFlags extends LogFlags {
  format: Format;
  to: string;
  after?: string;
  partEvents: number;
  withoutTexts: boolean;
  json: boolean;
}

const EXAMPLES = `
One row per event, in log order: sequence, version, ordinal, eventId, type, aggregate, aggregateId, conversationId,
userId, actor, time, storedAt, commandId, messageId, body, data. A log keeps the texts of messages that were deleted
since, and so does an export; --without-texts leaves out what people wrote and attached, but not names and titles.
The same command again goes on from the last whole part.

Examples:
  parley export --format parquet --to events
  parley export --format ndjson --to events-without-texts --without-texts
  parley export --format ndjson --to - | jq -c 'select(.type == "message.sent")'

Exit codes: 0 exported, 2 wrong usage, 3 the log is not available, 130 stopped with Ctrl-C.`;

export function exportCommand(): Command {
  return withLog(new Command('export'))
    .description('Writes every event of the log to files for analysis.')
    .addOption(
      new Option('--format <format>', 'of the files').choices(['ndjson', 'parquet']).makeOptionMandatory(),
    )
    .requiredOption('--to <folder>', 'where the files go; - = standard output (ndjson)')
    .option('--after <position>', 'begin after this position or sequence (default: all the log holds)')
    .option('--part-events <n>', 'events in a file', wholeNumber, 500_000)
    .option('--without-texts', 'leave out what people wrote and attached', false)
    .option('--json', 'print what was exported as JSON', false)
    .addHelpText('after', EXAMPLES)
    .action((flags: ExportFlags) =>
      lookAtLog(
        flags,
        async (look) => {
          const after = flags.after === undefined ? null : await sequenceAfter(look.log, flags.after);
          await (flags.to === '-' ? toOutput(look, flags, after) : toFolder(look, flags, after));
          return EXIT.clean;
        },
        flags.to === '-' ? {} : { afterStop: 'Run the same command to go on from the last whole part.' },
      ),
    );
}

async function sequenceAfter(log: EventLog, text: string): Promise<number> {
  const place = parsePlace(text, log.epoch, 0);
  if (place.kind !== 'sequence') {
    throw new UsageError(`--after is a position or a sequence, not "${text}".`);
  }
  const { last } = await log.bounds();
  if (place.sequence <= last) return place.sequence;
  throw new UsageError(`--after ${text} is beyond the end of the log, which is at ${last}.`);
}

async function toFolder({ log, output, progress, signal }: Look, flags: ExportFlags, after: number | null) {
  const { to: dir, format, partEvents } = flags;
  const exported = await exportLog({
    log,
    dir,
    format,
    after,
    partEvents,
    withoutTexts: flags.withoutTexts,
    progress,
    signal,
  });
  const { events, parts, unreadable, through, logBegins } = exported;
  if (exported.after + 1 === logBegins) tellBeginning(logBegins, progress);
  if (flags.json) return output.write(safeJson({ epoch: log.epoch, dir, format, ...exported }));
  await output.write(
    `${counted(events, 'event')} in ${counted(parts, 'new part')} in ${dir}, which reach to sequence ${grouped(through)}.`,
  );
  if (unreadable > 0)
    progress.warn(`${counted(unreadable, 'commit')} cannot be read: see the rows of parley.unreadable.`);
}

/** An export that lacks what retention removed would look whole. */
function tellBeginning(first: number, progress: Progress): void {
  if (first === 1) return;
  progress.warn(
    `Events before commit ${grouped(first)} were removed by retention and are not in this export: they are in the archive.`,
  );
}

async function toOutput({ log, output, progress, signal }: Look, flags: ExportFlags, after: number | null) {
  if (flags.format !== 'ndjson') throw new UsageError('Only ndjson can go to standard output.');
  const { first, last } = await log.bounds();
  if (after !== null && after + 1 < first) {
    throw new UsageError(`The log begins at ${first}: what comes after ${after} is no longer in it.`);
  }
  if (after === null) tellBeginning(first, progress);
  const range = { after: after ?? first - 1, until: last };
  for await (const batch of readRange(log, range, { signal })) {
    for (const row of batch.flatMap(rowsOf)) {
      await output.write(safeJson(flags.withoutTexts ? withoutTexts(row) : row));
    }
  }
}
