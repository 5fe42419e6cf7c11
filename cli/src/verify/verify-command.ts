import { type TableComparison, VerifyRefused, type VerifyReport, verifyReadModel } from '@parley/projector';
import { Command, InvalidArgumentError } from 'commander';
import { counted } from '../log/counted.ts';
import { safeJson } from '../log/printable.ts';
import { openLog, quietLogger } from '../open-log.ts';
import { findPlaces, type PlaceFlags, withPlaces } from '../places.ts';
import type { Progress, Work } from '../progress.ts';
import { archiveThenLog } from '../rebuild/archive-then-log.ts';
import { type CommandContext, EXIT, runCommand, Unavailable } from '../run-command.ts';
import { renderVerification } from './render-verification.ts';

interface VerifyFlags extends PlaceFlags {
  sample: number;
  fromArchive?: string;
  json: boolean;
}

const EXAMPLES = `
Folds the log anew, into tables of its own, and compares every row of the read model with them, both at the same place in
the log. Messages may be sent and read meanwhile. It needs about as much disk as the read model, and only reads it.

Examples:
  parley verify
  parley verify --sample 5
  parley verify --from-archive /backup/parley    when the log no longer has its beginning
  parley verify --json > report.json

Exit codes: 0 the read model is what the log says, 1 it is not, or the sample is of nothing, 2 wrong usage, 3 the log or Postgres is not available, or another
verification runs.`;

export function verifyCommand(): Command {
  return withPlaces(new Command('verify'))
    .description('Compares every row of the read model with a fresh fold of the log.')
    .option('--sample <percent>', 'only so many percent of all conversations and users', percent, 100)
    .option('--from-archive <dir>', 'read the archive first, then the log from its end')
    .option('--json', 'print the report as JSON', false)
    .addHelpText('after', EXAMPLES)
    .action((flags: VerifyFlags) =>
      runCommand((context) => verify(flags, context), { afterStop: 'Nothing was changed.' }),
    );
}

function percent(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0.01 && value <= 100) return value;
  throw new InvalidArgumentError('It must be a number of percent from 0.01 to 100.');
}

async function verify({ json, sample, fromArchive, ...flags }: VerifyFlags, context: CommandContext) {
  const places = await findPlaces(flags);
  const { progress, signal, print } = context;
  const opened = await openLog(places);
  const steps = new Steps(progress);
  try {
    const report = await verifyReadModel({
      ...{ log: opened.log, databaseUrl: places.postgres, logger: quietLogger, sample, signal },
      ...(fromArchive && { archive: await archiveThenLog(fromArchive, opened.log) }),
      onFold: (done, of) => steps.folded(done, of),
      onTable: (comparison) => steps.compared(comparison),
      onTrouble: (text) => progress.say(`waiting for Postgres… (${text})`),
    });
    steps.stop();
    print(json ? safeJson(report, 2) : renderVerification(report));
    return exitCodeOf(report);
  } catch (error) {
    throw error instanceof VerifyRefused ? new Unavailable(error.message) : error;
  } finally {
    steps.stop();
    await opened.close();
  }
}

function exitCodeOf({ clean }: VerifyReport) {
  return clean ? EXIT.clean : EXIT.differs;
}

/** The fold is one piece of work; the tables are told one by one. */
class Steps {
  readonly #progress: Progress;
  #fold: Work | null = null;
  #done = 0;

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  folded(done: number, of: number): void {
    this.#fold ??= this.#progress.start('folding the log', of);
    this.#fold.expect(of);
    this.#fold.advance(done - this.#done);
    this.#done = done;
  }

  compared({ table, rows }: TableComparison): void {
    this.stop();
    this.#progress.say(`compared ${table}: ${counted(rows.left, 'row')}`);
  }

  stop(): void {
    this.#fold?.stop();
    this.#fold = null;
  }
}
