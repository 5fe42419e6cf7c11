import { userIdSchema } from '@parley/contracts';
import { Command } from 'commander';
import { type CommandContext, EXIT, runCommand, UsageError, wholeNumber } from '../run-command.ts';
import type { ApiFlags } from './find-api.ts';
import type { ImportSource } from './import-source.ts';
import { openNdjson } from './ndjson/ndjson-file.ts';
import { importReport, renderImported, renderPlan } from './render-import.ts';
import { planImport, runImport } from './run-import.ts';
import { openSlackExport } from './slack/slack-export.ts';
import { readUserMap, type UserMap } from './user-map.ts';

interface Flags extends ApiFlags {
  users?: string;
  owner: string;
  conversation: string[];
  inFlight: number;
  keepUnread: boolean;
  dryRun: boolean;
  json: boolean;
}

type Open = (options: { users: UserMap; owner: string; only: readonly string[] }) => Promise<ImportSource>;

const EXPLANATION = `
Everything goes through the public HTTP API, by commands whose keys follow from the source: run it again after an
interruption, or with a newer export, and it adds what is missing and nothing twice. docs/import.md has the rest.

Examples:
  parley import slack export.zip --dry-run
  parley import slack export.zip --users users.json --api https://parley.example.com --token-command ./token.sh
  parley import ndjson rooms.ndjson.gz --conversation general
  cat rooms.ndjson | parley import ndjson -

Exit codes: 0 all of it is there, 1 something was refused or could not be imported, 2 wrong usage or no such export,
3 the API is not available (run it again), 130 stopped.`;

const stopped = { afterStop: 'Run the same command to go on.' };

export function importCommand(): Command {
  return new Command('import')
    .description('Imports conversations of other systems: a Slack export, or NDJSON.')
    .addHelpText('after', EXPLANATION)
    .addCommand(
      command('slack')
        .description('Imports a Slack export: channels, groups, direct conversations, threads, reactions.')
        .argument('<export>', 'the zip file, or a folder with its content')
        .action((path: string, flags: Flags) =>
          runCommand(
            (context) => perform((options) => openSlackExport(path, options), flags, context),
            stopped,
          ),
        ),
    )
    .addCommand(
      command('ndjson')
        .description('Imports one JSON object a line; docs/import.md says which.')
        .argument('<file>', 'the file, .gz or not; - is standard input')
        .action((file: string, flags: Flags) => {
          const open: Open = (options) => openNdjson(file, { ...options, input: process.stdin });
          return runCommand((context) => perform(open, flags, context), stopped);
        }),
    );
}

function command(name: string): Command {
  return new Command(name)
    .option('--api <url>', 'the command API (default: that of the stack that runs in this folder)')
    .option(
      '--token-command <program>',
      'prints a token of the user whose id is its last argument; split at spaces, no shell',
    )
    .option('--users <file>', 'JSON object: user ids by the ids of the source')
    .option('--owner <user id>', 'makes and owns channels and groups', 'parley-import')
    .option('--conversation <name>', 'only this one; may be given more than once', collect, [])
    .option('--in-flight <n>', 'conversations at once, at most 1000', atOnce, 32)
    .option('--keep-unread', 'leave what is imported unread for those who are in', false)
    .option('--dry-run', 'say what would be made and send nothing', false)
    .option('--json', 'print the result as JSON', false)
    .addHelpText('after', EXPLANATION);
}

/** More connections than that no API is glad of. */
const atOnce = (text: string): number => Math.min(wholeNumber(text), 1_000);
const collect = (value: string, all: string[]): string[] => [...all, value];

async function perform(open: Open, flags: Flags, { print, ...context }: CommandContext) {
  if (!userIdSchema.safeParse(flags.owner).success) throw new UsageError('--owner must be a user id.');
  const users = await readUserMap(flags.users);
  const source = await open({ users, owner: flags.owner, only: flags.conversation });
  try {
    const options = { ...flags, ...context, source };
    const tally = flags.dryRun ? await planImport(options) : await runImport(options);
    if (flags.json) {
      const outcomes = flags.dryRun ? (['planned'] as const) : (['made', 'present', 'refused'] as const);
      print(JSON.stringify(importReport(tally, outcomes)));
    } else print(flags.dryRun ? renderPlan(tally, source.people.length) : renderImported(tally));
    return tally.complete ? EXIT.clean : EXIT.differs;
  } finally {
    await source.close();
  }
}
