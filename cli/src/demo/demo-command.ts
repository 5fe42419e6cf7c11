import { SetupError } from '@parley/deploy';
import { Command } from 'commander';
import { createProgress, type Progress } from '../progress.ts';
import { EXIT, stopOnSignal, wholeNumber } from '../run-command.ts';
import { type OpenStack, openStack } from '../stack.ts';
import { Unavailable } from './ask-again.ts';
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
      process.exitCode = await demo({ ...flags, inFlight: speed ?? inFlight });
    });
}

async function demo(flags: DemoFlags): Promise<number> {
  const stopping = stopOnSignal();
  const { signal } = stopping;
  const notes = flags.json ? process.stderr : process.stdout;
  const progress = createProgress(notes.isTTY && !flags.json, (line) => notes.write(`${line}\n`));
  let stack: OpenStack | undefined;
  try {
    // Before a stack is started for a file that is none.
    await measureInput(flags.input ?? SAMPLE, flags.rooms);
    stack = await openStack({ report: (text) => progress.say(text), signal });
    return await playOn(stack, flags, progress, signal);
  } catch (error) {
    if (signal.aborted) return EXIT.stopped;
    process.stderr.write(`\n${explain(error)}\n`);
    return exitCodeOf(error);
  } finally {
    if (stack?.own) progress.say('stopping the stack');
    await stack?.stop();
    stopping.done();
  }
}

async function playOn(
  { addresses }: OpenStack,
  { json, ...flags }: DemoFlags,
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  const report = await runDemo({ addresses, ...flags, progress, signal });
  const text = json ? JSON.stringify(report, null, 2) : `\n${renderReport(report)}`;
  process.stdout.write(`${text}\n`);
  return report.clean ? EXIT.clean : EXIT.differs;
}

function exitCodeOf(error: unknown): number {
  return error instanceof BadInput ? EXIT.usage : EXIT.unavailable;
}

function explain(error: unknown): string {
  if (error instanceof BadInput || error instanceof SetupError) return error.message;
  if (error instanceof Unavailable) return `The stack does not answer: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
