import { RebuildRefused, rebuildReadModel, rollBackReadModel, UnknownProjection } from '@parley/projector';
import { Command, Option } from 'commander';
import { printable, safeJson } from '../log/printable.ts';
import { openLog, quietLogger } from '../open-log.ts';
import { findPlaces, type PlaceFlags, withPlaces } from '../places.ts';
import {
  type CommandContext,
  EXIT,
  type ExitCode,
  runCommand,
  Unavailable,
  UsageError,
  wholeNumber,
} from '../run-command.ts';
import { archiveThenLog } from './archive-then-log.ts';
import { keepTime } from './keep-time.ts';
import { renderRebuilt, renderRolledBack } from './render-rebuilt.ts';
import { showProgress } from './show-progress.ts';

interface RebuildFlags extends PlaceFlags {
  rollback: boolean;
  dryRun: boolean;
  projection?: string;
  keepOld: number;
  throttle?: number;
  fromArchive?: string;
  json: boolean;
}

const AFTER_STOP = 'What people read is as it was. Run the same command to go on.';

const HELP = `
The log is folded into new tables beside those in use, both are compared at the same position, and the new ones take the
place of the old in one transaction. Readers and the projector go on meanwhile. Ended early, by Ctrl-C or kill -9, the
same command goes on from where it was. The old tables are kept for --rollback; that again goes forward.

Examples:
  parley rebuild --dry-run              what would change?
  parley rebuild --throttle 20000       leave the servers to others
  parley rebuild --projection messages,mentions
  parley rebuild --from-archive /backup/parley
  parley rebuild --rollback

Exit codes: 0 exchanged (dry run: all is as it should be), 1 the dry run found differences, 2 wrong usage, 3 not possible
now, 130 stopped.`;

export function rebuildCommand(): Command {
  return withPlaces(new Command('rebuild'))
    .description('Makes the read model anew from the log and puts it in place while everything runs.')
    .option('--dry-run', 'build and compare, then drop what was built', false)
    .option('--projection <tables>', 'exchange only these tables, separated by commas')
    .addOption(
      new Option('--keep-old <time>', 'keep the old tables so long, like 30m, 24h, 7d')
        .argParser(keepTime)
        .default(keepTime('24h'), '24h'),
    )
    .option('--throttle <n>', 'at most so many commits a second', wholeNumber)
    .option('--from-archive <dir>', 'read the archive first, then the log from its end')
    .option('--rollback', 'put the tables of before the last exchange in place again, caught up', false)
    .option('--json', 'print the result as JSON', false)
    .addHelpText('after', HELP)
    .action((flags: RebuildFlags) =>
      runCommand((context) => rebuild(flags, context), { afterStop: AFTER_STOP }),
    );
}

async function rebuild(flags: RebuildFlags, { progress, signal, print }: CommandContext): Promise<ExitCode> {
  const tables = flags.projection?.split(',').map((table) => table.trim());
  if (flags.rollback && (flags.dryRun || tables || flags.fromArchive || flags.throttle)) {
    throw new UsageError(
      '--rollback exchanges what the last rebuild exchanged: it goes only with --keep-old.',
    );
  }
  const places = await findPlaces(flags);
  const { log, close } = await openLog(places);
  const shown = showProgress(progress);
  const place = { databaseUrl: places.postgres, log, logger: quietLogger, signal };
  try {
    if (flags.rollback) {
      const switched = await rollBackReadModel({ ...place, progress: shown, keepOldMs: flags.keepOld });
      print(flags.json ? safeJson({ switched }) : renderRolledBack(switched));
      return EXIT.clean;
    }
    const { dryRun, throttle, keepOld: keepOldMs } = flags;
    const rebuilt = await rebuildReadModel({
      ...place,
      progress: shown,
      dryRun,
      keepOldMs,
      ...(tables && { tables }),
      ...(throttle && { throttle }),
      ...(flags.fromArchive && { archive: await archiveThenLog(flags.fromArchive, log) }),
    });
    shown.done();
    print(flags.json ? safeJson(rebuilt) : renderRebuilt(rebuilt));
    const differs = rebuilt.compared?.some(
      ({ missing, extra, different }) => missing + extra + different > 0,
    );
    return dryRun && (differs || rebuilt.compared === null) ? EXIT.differs : EXIT.clean;
  } catch (error) {
    if (error instanceof UnknownProjection) throw new UsageError(printable(error.message));
    throw error instanceof RebuildRefused ? new Unavailable(printable(error.message)) : error;
  } finally {
    shown.done();
    await close();
  }
}
