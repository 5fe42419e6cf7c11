import { Command } from 'commander';
import { grouped } from '../log/counted.ts';
import { lineOf } from '../log/event-line.ts';
import { type FilterFlags, type RangeFlags, withFilters, withRange } from '../log/filter-options.ts';
import { lookAtLog } from '../log/look-at-log.ts';
import { rangeBetween, removedBefore } from '../log/places-in-log.ts';
import { type LogFlags, withLog } from '../places.ts';
import { EXIT, UsageError, wholeNumber } from '../run-command.ts';
import { tail } from './tail.ts';

const LAST = 20;

interface TailFlags extends LogFlags, FilterFlags, RangeFlags {
  lines?: number;
  follow: boolean;
  json: boolean;
}

const EXAMPLES = `
Of cursors, which stand in one event for many people, only the entries that fit are shown.

Examples:
  parley tail
  parley tail --type 'message.*' --user ada
  parley tail --since 10m --no-follow --json | jq .type

Exit codes: 0 all was shown, 2 wrong usage, 3 the log is not available, 130 stopped with Ctrl-C.`;

export function tailCommand(): Command {
  return withRange(withFilters(withLog(new Command('tail'))))
    .description('Shows the newest events of the log and those that come.')
    .option(
      '-n, --lines <n>',
      `begin with so many events (default: ${LAST}, or all from --since)`,
      wholeNumber,
    )
    .option('--no-follow', 'end after what is there (--until ends as well)')
    .option('--json', 'one JSON object a line', false)
    .addHelpText('after', EXAMPLES)
    .action((flags: TailFlags) =>
      lookAtLog(flags, async ({ log, output, progress, signal }) => {
        const { since, until, lines, conversation, user, type } = flags;
        const now = Date.now();
        const range = await rangeBetween(log, { since, until }, now);
        const begins = await removedBefore(log, since, now);
        if (begins !== null) {
          progress.warn(`The log begins at ${grouped(begins)}: what was before was removed by retention.`);
        }
        if (range.until < range.after && until !== undefined) {
          throw new UsageError(`There is nothing from ${since ?? 'the beginning'} to ${until}.`);
        }
        const last = lines ?? (since === undefined ? LAST : null);
        const follow = flags.follow && until === undefined;
        const line = lineOf(flags.json);
        const filter = { conversation, user, types: type };
        for await (const row of tail({ log, filter, range, last, follow, signal })) {
          await output.write(line(row));
        }
        return EXIT.clean;
      }),
    );
}
