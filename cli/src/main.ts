#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { demoCommand } from './demo/demo-command.ts';

const USAGE = 2;

async function main(): Promise<void> {
  const program = new Command('parley')
    .description('Works with a Parley: the stack that `npm start` runs here, or one of its own.')
    .exitOverride()
    .showHelpAfterError('Type `parley --help` or `parley <command> --help`.');
  program.addCommand(demoCommand().copyInheritedSettings(program));
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  }
}

await main();
