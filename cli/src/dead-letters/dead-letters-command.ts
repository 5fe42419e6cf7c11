import { userInfo } from 'node:os';
import { confirm } from '@clack/prompts';
import { listDeadLetters, type ParkedKey, skipCommit } from '@parley/projector';
import { Command } from 'commander';
import type { Pool } from 'pg';
import { safeJson } from '../log/printable.ts';
import { openLog } from '../open-log.ts';
import { findLog, findReadModel, type PlaceFlags, withPlaces } from '../places.ts';
import { type CommandContext, EXIT, runCommand, UsageError, wholeNumber } from '../run-command.ts';
import { renderList, renderOutcomes } from './render-dead-letters.ts';
import { retryKeys } from './retry-keys.ts';
import { notParked, renderKey, showKey } from './show-key.ts';
import { withReadModel } from './with-read-model.ts';

interface Flags extends PlaceFlags {
  json: boolean;
}

interface RetryFlags extends Flags {
  all: boolean;
  wait: number;
}

interface SkipFlags extends Flags {
  sequence?: number;
  yes: boolean;
  wait: number;
}

const HELP = `
A commit that cannot be applied is parked with all later ones of its conversation or user; all others go on. When what
was wrong is mended, retry applies them in order. Skip decides that one is never applied, by this read model or another.

Examples:
  parley dead-letters list
  parley dead-letters show conv.0192f0c1-7d5e-7cc3-a1b2-3c4d5e6f7081
  parley dead-letters retry --all
  parley dead-letters skip conv.0192f0c1-7d5e-7cc3-a1b2-3c4d5e6f7081 --yes

Exit codes: 0 nothing is parked of what was asked for, 1 something is, 2 wrong usage, nothing is parked under the key that
was named, or not confirmed, 3 the log, Postgres or the projector is not available.`;

export function deadLettersCommand(): Command {
  const command = new Command('dead-letters')
    .description('Shows commits that the read model could not apply, tries them again, or skips them.')
    .addHelpText('after', HELP);
  for (const child of [listCommand(), showCommand(), retryCommand(), skipCommand()]) {
    const whole = withPlaces(child).option('--json', 'print the result as JSON', false);
    command.addCommand(whole.exitOverride());
  }
  return command;
}

function listCommand(): Command {
  return new Command('list')
    .description('Conversations and users with parked commits')
    .action((flags: Flags) =>
      run(flags, async (pool, { print }) => {
        const keys = await listDeadLetters(pool);
        print(flags.json ? safeJson(keys, 2) : renderList(keys));
        return keys.length === 0 ? EXIT.clean : EXIT.differs;
      }),
    );
}

function showCommand(): Command {
  return new Command('show')
    .description('The parked commits of one conversation or user, and what the first holds')
    .argument('<key>', 'conv.<id>, user.<id> or reads.<partition>')
    .action((key: string, flags: Flags) =>
      run(flags, async (pool, { print }) => {
        const { log, close } = await openLog(await findLog(flags));
        try {
          const shown = await showKey(pool, log, key);
          print(flags.json ? safeJson(shown, 2) : renderKey(shown));
          return EXIT.differs;
        } finally {
          await close();
        }
      }),
    );
}

function retryCommand(): Command {
  return new Command('retry')
    .description('Applies parked commits in order, as far as they can be applied now')
    .argument('[key]', 'conv.<id>, user.<id> or reads.<partition>')
    .option('--all', 'everything that is parked', false)
    .option('--wait <seconds>', 'how long to wait for the projector', wholeNumber, 60)
    .action((key: string | undefined, flags: RetryFlags) =>
      run(flags, async (pool, context) => {
        if ((key === undefined) !== flags.all) throw new UsageError('Give either a key or --all.');
        const keys = await listDeadLetters(pool, key);
        if (key !== undefined && keys.length === 0) throw notParked(key);
        return retried(pool, keys, flags, context);
      }),
    );
}

function skipCommand(): Command {
  return new Command('skip')
    .description('Decides that a parked commit is never applied, and tries what waits behind it')
    .argument('<key>', 'conv.<id>, user.<id> or reads.<partition>')
    .option('--sequence <n>', 'which of the parked commits (default: the first)', wholeNumber)
    .option('--yes', 'do not ask', false)
    .option('--wait <seconds>', 'how long to wait for the projector', wholeNumber, 60)
    .action((key: string, flags: SkipFlags) =>
      run(flags, async (pool, context) => {
        const keys = await listDeadLetters(pool, key);
        const [parked] = keys;
        if (!parked) throw notParked(key);
        const { sequence = parked.sequence } = flags;
        await confirmed(
          `Never apply commit ${sequence} of ${key}, in this read model or any later one?`,
          flags,
        );
        const known = await skipCommit(pool, { key, sequence, by: userInfo().username });
        if (!known) throw new UsageError(`Commit ${sequence} is not parked under ${key}.`);
        return retried(pool, keys, flags, context);
      }),
    );
}

function run(flags: Flags, work: (pool: Pool, context: CommandContext) => Promise<0 | 1>): Promise<void> {
  return runCommand(async (context) => {
    const postgres = await findReadModel(flags);
    return withReadModel(postgres, (pool) => work(pool, context));
  });
}

async function retried(
  pool: Pool,
  keys: readonly ParkedKey[],
  { json, wait }: Flags & { wait: number },
  { print, signal }: CommandContext,
): Promise<0 | 1> {
  const outcomes = await retryKeys(pool, keys, { patienceMs: wait * 1000, signal });
  if (json) print(safeJson(outcomes, 2));
  else print(outcomes.length === 0 ? renderList([]) : renderOutcomes(outcomes));
  return outcomes.every(({ left }) => left === null) ? EXIT.clean : EXIT.differs;
}

async function confirmed(question: string, { yes }: { yes: boolean }): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY) throw new UsageError(`${question} Say so with --yes.`);
  if ((await confirm({ message: question, initialValue: false, output: process.stderr })) !== true) {
    throw new UsageError('Nothing was decided.');
  }
}
