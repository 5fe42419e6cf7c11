import { setTimeout as after } from 'node:timers/promises';
import { Command } from 'commander';
import { openLog } from '../open-log.ts';
import { findPlaces, type PlaceFlags, withPlaces } from '../places.ts';
import { type CommandContext, EXIT, runCommand } from '../run-command.ts';
import { openLogSizes } from './log-size.ts';
import { readStatus } from './read-status.ts';
import { renderStatus } from './render-status.ts';

interface StatusFlags extends PlaceFlags {
  json: boolean;
  watch: boolean;
}

const WATCH_EVERY_MS = 2_000;
const CLEAR_SCREEN = '\u001b[2J\u001b[H';

const EXAMPLES = `
Examples:
  parley status
  parley status --watch
  parley status --json | jq .lanes

Exit codes: 0 all is well, 1 the read model is not of this log, commits wait that cannot be applied, nobody projects or a
rebuild was stopped, 2 wrong usage, 3 the log or Postgres is not available, 130 a watch was stopped with Ctrl-C.`;

export function statusCommand(): Command {
  return withPlaces(new Command('status'))
    .description(
      'Shows the log, how far the read model follows it, who projects, and what waits for an operator.',
    )
    .option('--watch', 'show it again every two seconds until Ctrl-C', false)
    .option('--json', 'print it as JSON, with --watch one line each time', false)
    .addHelpText('after', EXAMPLES)
    .action((flags: StatusFlags) => runCommand((context) => showStatus(flags, context)));
}

/** Prints the status once, or again and again until the signal aborts: then it rejects, as a watch has no outcome. */
export async function showStatus({ json, watch, ...flags }: StatusFlags, { print, signal }: CommandContext) {
  const places = await findPlaces(flags);
  const sizes = await openLogSizes(places.nats);
  const opened = await openLog(places);
  try {
    for (;;) {
      const found = await readStatus(opened.log, sizes, places.postgres);
      if (json) print(JSON.stringify(found, null, watch ? 0 : 2));
      else print(`${watch && process.stdout.isTTY ? CLEAR_SCREEN : ''}${renderStatus(found)}`);
      if (!watch) return found.healthy ? EXIT.clean : EXIT.differs;
      // Ctrl-C rejects it: a watch has no outcome of its own.
      await after(WATCH_EVERY_MS, undefined, { signal });
      if (!json && !process.stdout.isTTY) print('');
    }
  } finally {
    await opened.close();
    await sizes.close();
  }
}
