import { Command } from 'commander';
import { type CommandContext, EXIT, runCommand, UsageError, wholeNumber } from '../run-command.ts';
import { openStack } from '../stack.ts';
import { BadInput, measureInput } from './irc-line.ts';
import { renderReport } from './report.ts';
import { runDemo, SAMPLE } from './run-demo.ts';

interface DemoFlags {
  input?: string;
  inFlight: number;
  rooms?: number;
  json: boolean;
}

const EXAMPLES = `
It uses the stack that \`npm start\` runs here; when there is none, it starts one and stops it again.

Examples:
  npm run demo
  npm run demo -- --rooms 3 --json
  npm run demo -- --input ubuntu-irc.ndjson.gz --in-flight 128

Exit codes: 0 everything agrees, 1 it does not, 2 wrong usage, 3 the stack is not available.`;

export function demoCommand(): Command {
  return new Command('demo')
    .description(
      'Plays an IRC log through the public API while sockets listen, twice, and verifies the outcome.',
    )
    .option('--input <file>', 'NDJSON of IRC lines, .gz or not (default: the sample that ships with it)')
    .option('--in-flight <n>', 'requests at once', wholeNumber, 64)
    .option('--speed <n>', 'the same as --in-flight', wholeNumber)
    .option('--rooms <n>', 'only the first rooms of the file', wholeNumber)
    .option('--json', 'print the report as JSON', false)
    .addHelpText('after', EXAMPLES)
    .action(async ({ speed, inFlight, ...flags }: DemoFlags & { speed?: number }) => {
      await runCommand((context) => demo({ ...flags, inFlight: speed ?? inFlight }, context));
    });
}

async function demo({ json, ...flags }: DemoFlags, { progress, signal, print }: CommandContext) {
  // Before a stack is started for a file that is none.
  await checkInput(flags.input ?? SAMPLE, flags.rooms);
  const stack = await openStack({ report: (text) => progress.say(text), signal });
  try {
    const report = await runDemo({ addresses: stack.addresses, ...flags, progress, signal });
    print(json ? JSON.stringify(report, null, 2) : `\n${renderReport(report)}`);
    return report.clean ? EXIT.clean : EXIT.differs;
  } finally {
    if (stack.own) progress.say('stopping the stack');
    await stack.stop();
  }
}

async function checkInput(file: string, rooms: number | undefined): Promise<void> {
  try {
    await measureInput(file, rooms);
  } catch (error) {
    throw error instanceof BadInput ? new UsageError(error.message) : error;
  }
}
