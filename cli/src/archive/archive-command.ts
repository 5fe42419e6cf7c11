import { Command, InvalidArgumentError, Option } from 'commander';
import { counted, grouped } from '../log/counted.ts';
import { openLog } from '../open-log.ts';
import { findLog, type LogFlags, withLog } from '../places.ts';
import {
  type CommandContext,
  EXIT,
  type ExitCode,
  runCommand,
  UsageError,
  wholeNumber,
} from '../run-command.ts';
import { byteSize } from './byte-size.ts';
import { compareWithLog, type LogVerdict } from './compare-with-log.ts';
import { faultsTold } from './tell-faults.ts';
import { type EpochVerdict, holdsSegment, verifyArchive } from './verify-archive.ts';
import { type WriteOutcome, writeArchive } from './write-archive.ts';

interface ArchiveFlags extends LogFlags {
  to?: string;
  segmentCommits: number;
  segmentBytes: number;
  withoutBeginning: boolean;
  json: boolean;
}

interface VerifyFlags extends LogFlags {
  from?: string;
  againstLog: boolean;
  expect?: string;
  json: boolean;
}

const ARCHIVE_HELP = `
Commits go to <dir>/<epoch>/<first>-<last>.ndjson.gz: a header, then one commit a line, in log order. Each file names
the sha-256 of the one before it. The same command later goes on from the archive's end; so it does when it was killed.
It prints the archive's head, the sha-256 of the newest file: see parley archive verify --help.

Examples:
  parley archive --to /backup/parley
  parley archive --to /backup/parley --segment-commits 100000 --json
  parley archive verify --from /backup/parley --against-log

Exit codes: 0 archived, 1 archive and log do not fit together, 2 wrong usage, 3 log or folder not available, 130 stopped.`;

const VERIFY_HELP = `
Reads every line: checksums, chain, ranges, counts, order. With --against-log every commit that the log still holds is
compared with the archived one. An archive whose newest segments were taken away with their lines of the manifest is
whole in itself: keep the head that \`parley archive\` printed elsewhere, --expect finds that it is gone. An archive
that has grown since still holds it.

Examples:
  parley archive verify --from /backup/parley
  parley archive verify --from /backup/parley --expect "$(cat parley-archive-head)"
  parley archive verify --from /backup/parley --against-log --json

Exit codes: 0 as it was written, 1 it is not (each fault is named), 2 wrong usage, 3 log or folder not available.`;

export function archiveCommand(): Command {
  const archive = withLog(new Command('archive'))
    .description(
      'Copies the log into compressed files, each commit byte for byte, and goes on where it ended.',
    )
    .option('--to <dir>', 'folder of the archive; made when it is missing')
    .option('--segment-commits <n>', 'most commits in one file', wholeNumber, 50_000)
    .addOption(
      new Option('--segment-bytes <size>', 'a file ends at about this size before compression')
        .argParser(byteSize)
        .default(64_000_000, '64MB'),
    )
    .option('--without-beginning', 'begin a new archive although the log has lost its beginning', false)
    .option('--json', 'print the result as JSON', false)
    .addHelpText('after', ARCHIVE_HELP)
    .action((flags: ArchiveFlags) =>
      runCommand((context) => faultsTold(() => archiveLog(flags, context)), {
        afterStop: 'Run the same command to go on.',
      }),
    );
  return archive.addCommand(verifyCommand());
}

function verifyCommand(): Command {
  return withLog(new Command('verify'))
    .description('Checks an archive, line by line.')
    .option('--from <dir>', 'folder of the archive')
    .option('--against-log', 'compare it with what the log still holds', false)
    .option(
      '--expect <head>',
      'a head that it had once: every commit up to there must be in it still',
      sha256,
    )
    .option('--json', 'print the result as JSON', false)
    .exitOverride()
    .addHelpText('after', VERIFY_HELP)
    .action((_: VerifyFlags, command: Command) => {
      // Options that `archive` has too are taken by it, wherever they stand.
      const flags = command.optsWithGlobals<VerifyFlags>();
      return runCommand((context) => faultsTold(() => verify(flags, context)));
    });
}

async function archiveLog(
  { to, segmentCommits, segmentBytes, withoutBeginning, json, ...places }: ArchiveFlags,
  { progress, signal, print }: CommandContext,
): Promise<ExitCode> {
  if (!to) throw new UsageError('Say where the archive is: parley archive --to DIR.');
  const { log, close } = await openLog(await findLog(places));
  try {
    const limits = { commits: segmentCommits, bytes: segmentBytes };
    const outcome = await writeArchive({ log, dir: to, limits, withoutBeginning, progress, signal });
    print(json ? JSON.stringify(outcome) : describeOutcome(outcome));
    return EXIT.clean;
  } finally {
    await close();
  }
}

async function verify(
  { from, againstLog, expect, json, ...places }: VerifyFlags,
  { progress, signal, print }: CommandContext,
): Promise<ExitCode> {
  if (!from) throw new UsageError('Say where the archive is: parley archive verify --from DIR.');
  const epochs = await verifyArchive(from, { progress, signal });
  const whole = epochs.every(({ faults }) => faults.length === 0);
  // A damaged archive cannot be read to be compared.
  const log = againstLog && whole ? await verifyAgainstLog(from, places, { progress, signal }) : null;
  const holdsExpected = whole && expect !== undefined ? await holdsSegment(from, expect) : null;
  const clean = whole && (log === null || log.differing === 0) && holdsExpected !== false;
  if (json) print(JSON.stringify({ clean, holdsExpected, epochs, log }));
  else {
    for (const verdict of epochs) describeEpoch(verdict, print);
    if (holdsExpected === true) print('It holds everything up to the head that was expected.');
    if (holdsExpected === false) {
      print(`No segment has the sha-256 ${expect}: the archive has lost its end since, or is another one.`);
    }
    if (log) describeLog(log, print);
    else if (againstLog) print('Not compared with the log: the archive is damaged.');
  }
  return clean ? EXIT.clean : EXIT.differs;
}

async function verifyAgainstLog(
  from: string,
  places: LogFlags,
  options: Pick<CommandContext, 'progress' | 'signal'>,
): Promise<LogVerdict> {
  const { log, close } = await openLog(await findLog(places));
  try {
    return await compareWithLog(log, from, options);
  } finally {
    await close();
  }
}

function describeOutcome({ folder, first, last, head, segments, commits, bytes }: WriteOutcome): string {
  if (last === null) return 'The log is empty: nothing to archive.';
  const holds = `${folder} holds ${grouped(first ?? 0)} to ${grouped(last)}`;
  const done =
    segments === 0
      ? `Nothing new. ${holds}, as far as the log goes.`
      : `Archived ${counted(commits, 'commit')} in ${counted(segments, 'segment')}, ${megabytes(bytes)}. ${holds}.`;
  return `${done}\nhead ${head}`;
}

function describeEpoch(verdict: EpochVerdict, print: (line: string) => void): void {
  const { epoch, first, last, head, segments, commits, bytes, faults } = verdict;
  const range = last === null ? 'nothing' : `${grouped(first ?? 0)} to ${grouped(last)}`;
  const size = `${counted(commits, 'commit')} in ${counted(segments, 'segment')}, ${megabytes(bytes)}`;
  const begins = first === null || first === 1 ? '' : `, but it begins at ${grouped(first)}, not at 1`;
  const result =
    faults.length === 0 ? `as it was written${begins}\n  head ${head}` : counted(faults.length, 'fault');
  print(`epoch ${epoch}: ${range}, ${size}: ${result}`);
  for (const fault of faults) print(`  ${fault}`);
}

function describeLog(
  { compared, notArchived, differing, faults }: LogVerdict,
  print: (line: string) => void,
): void {
  const result = differing === 0 ? 'the same' : `${grouped(differing)} differ`;
  print(`${counted(compared, 'commit')} compared with the log: ${result}`);
  if (notArchived > 0) {
    print(`${counted(notArchived, 'newer commit')} only in the log: parley archive --to`);
  }
  for (const fault of faults) print(`  ${fault}`);
}

/** For an option's value. */
function sha256(text: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new InvalidArgumentError('A head is 64 hexadecimal digits, as `parley archive` prints it.');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
