import { confirm } from '@clack/prompts';
import { Command } from 'commander';
import { faultsTold } from '../archive/tell-faults.ts';
import { grouped } from '../log/counted.ts';
import { openLog, quietLogger } from '../open-log.ts';
import { findLog, findPlaces, type PlaceFlags, withLog, withPlaces } from '../places.ts';
import { type CommandContext, EXIT, type ExitCode, runCommand, UsageError } from '../run-command.ts';
import { age } from './age.ts';
import { LogStream } from './log-stream.ts';
import { renderRestored, renderRetention } from './render-retention.ts';
import { restoreSnapshots } from './restore-snapshots.ts';
import { type Retained, retain } from './retain.ts';
import { RetentionRefused } from './retention-refused.ts';

interface RetentionFlags extends PlaceFlags {
  archive?: string;
  olderThan?: number;
  dryRun: boolean;
  yes: boolean;
  json: boolean;
}

const HELP = `
Removed is only what is in the archive (verified and compared with the log in the same run), what every lane of the read
model has applied, and what a snapshot stands for; never the last commit of a conversation or user. Afterwards positions
before the rest are answered with "reset", and a read model is made with --from-archive. Ended early, the same command
goes on. Keep the archive: it is then the only place of what was removed.

Examples:
  parley retention --archive /backup/parley --older-than 90d --dry-run
  parley retention --archive /backup/parley --older-than 90d --yes
  parley retention restore-snapshots --archive /backup/parley

Exit codes: 0 removed, or nothing to remove, 1 something keeps what is old enough or waits for you, 2 wrong usage,
3 the log, Postgres or the folder is not available, or somebody rebuilds, 130 stopped.`;

const RESTORE_HELP = `
A conversation or user whose beginning was removed from the log lives from its snapshot. Where that is lost, or of a format
that this build does not read, commands to it are refused (503) and the log of the command API says so; this makes it anew.

Exit codes: 0 all can be loaded, 1 some cannot, 2 wrong usage, 3 the log or the folder is not available.`;

export function retentionCommand(): Command {
  const retention = withPlaces(new Command('retention'))
    .description('Removes old commits from the log that are in the archive.')
    .option('--archive <dir>', 'folder of the archive, as parley archive wrote it')
    .option('--older-than <time>', 'only what was stored longer ago, like 90d or 12h', age)
    .option('--dry-run', 'only tell what would be removed', false)
    .option('--yes', 'do not ask', false)
    .option('--json', 'print the result as JSON', false)
    .addHelpText('after', HELP)
    .action((flags: RetentionFlags) =>
      runCommand((context) => faultsTold(() => removeOld(flags, context), [RetentionRefused]), {
        afterStop: 'Run the same command to go on.',
      }),
    );
  return retention.addCommand(restoreCommand());
}

function restoreCommand(): Command {
  return withLog(new Command('restore-snapshots'))
    .description('Makes snapshots anew that stand for removed commits, from the archive.')
    .option('--archive <dir>', 'folder of the archive')
    .option('--json', 'print the result as JSON', false)
    .exitOverride()
    .addHelpText('after', RESTORE_HELP)
    .action((_: RetentionFlags, command: Command) => {
      // Options that `retention` has too are taken by it, wherever they stand.
      const flags = command.optsWithGlobals<RetentionFlags>();
      return runCommand((context) => faultsTold(() => restore(flags, context), [RetentionRefused]));
    });
}

async function removeOld(flags: RetentionFlags, context: CommandContext): Promise<ExitCode> {
  const { archive: dir, olderThan, dryRun, yes } = flags;
  if (!dir) throw new UsageError('Say where the archive is: --archive DIR. Without one nothing is removed.');
  if (olderThan === undefined) throw new UsageError('Say what is old: --older-than 90d.');
  if (!dryRun && !yes && !process.stdin.isTTY) {
    throw new UsageError('What is removed is then only in the archive. Say --yes, or look first: --dry-run.');
  }
  const places = await findPlaces(flags);
  const { log, snapshots, close } = await openLog(places);
  try {
    const retained = await LogStream.use(places.nats, (stream) =>
      retain({
        ...{ log, snapshots, stream, dir, dryRun, databaseUrl: places.postgres, logger: quietLogger },
        storedBefore: Date.now() - olderThan,
        progress: context.progress,
        signal: context.signal,
        ...(!yes && { agree: (planned) => agree(planned, context) }),
      }),
    );
    tell(retained, flags, context);
    const isHeld = retained.barriers.some(({ isOrdinary }) => !isOrdinary);
    return isHeld || retained.tallies.hasTrouble() ? EXIT.differs : EXIT.clean;
  } finally {
    await close();
  }
}

async function agree(planned: Retained, { print }: CommandContext): Promise<boolean> {
  print(renderRetention(planned, { dryRun: true }));
  const message = 'Remove this from the log? It is then only in the archive.';
  return (await confirm({ message, initialValue: false })) === true;
}

function tell(retained: Retained, { json, dryRun }: RetentionFlags, { print }: CommandContext): void {
  const { tallies, limit, barriers, completeFrom } = retained;
  if (json) print(JSON.stringify({ dryRun, limit, barriers, completeFrom, kinds: tallies.all() }));
  else {
    print(renderRetention(retained, { dryRun }));
    if (completeFrom > 1) print(`The log is complete from commit ${grouped(completeFrom)} on.`);
  }
}

async function restore(
  flags: RetentionFlags,
  { print, progress, signal }: CommandContext,
): Promise<ExitCode> {
  const { archive: dir, json } = flags;
  if (!dir)
    throw new UsageError('Say where the archive is: parley retention restore-snapshots --archive DIR.');
  const places = await findLog(flags);
  const { log, snapshots, close } = await openLog(places);
  try {
    const restored = await LogStream.use(places.nats, (stream) =>
      restoreSnapshots({ log, snapshots, stream, dir, logger: quietLogger, progress, signal }),
    );
    print(json ? JSON.stringify(restored) : renderRestored(restored));
    return restored.failed.length === 0 ? EXIT.clean : EXIT.differs;
  } finally {
    await close();
  }
}
