#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { analyticsCommand } from './analytics/analytics-command.ts';
import { archiveCommand } from './archive/archive-command.ts';
import { deadLettersCommand } from './dead-letters/dead-letters-command.ts';
import { demoCommand } from './demo/demo-command.ts';
import { exportCommand } from './export/export-command.ts';
import { historyCommand } from './history/history-command.ts';
import { rebuildCommand } from './rebuild/rebuild-command.ts';
import { showCommand } from './show/show-command.ts';
import { statusCommand } from './status/status-command.ts';
import { tailCommand } from './tail/tail-command.ts';
import { timeTravelCommand } from './time-travel/time-travel-command.ts';
import { verifyCommand } from './verify/verify-command.ts';

const USAGE = 2;

async function main(): Promise<void> {
  const program = new Command('parley')
    .description('Works with a Parley: the stack that `npm start` runs here, or one of its own.')
    .exitOverride()
    .showHelpAfterError('Type `parley --help` or `parley <command> --help`.');
  program.addCommand(demoCommand().copyInheritedSettings(program));
  program.addCommand(tailCommand().copyInheritedSettings(program));
  program.addCommand(historyCommand().copyInheritedSettings(program));
  program.addCommand(showCommand().copyInheritedSettings(program));
  program.addCommand(archiveCommand().copyInheritedSettings(program));
  program.addCommand(exportCommand().copyInheritedSettings(program));
  program.addCommand(timeTravelCommand().copyInheritedSettings(program));
  program.addCommand(statusCommand().copyInheritedSettings(program));
  program.addCommand(verifyCommand().copyInheritedSettings(program));
  program.addCommand(rebuildCommand().copyInheritedSettings(program));
  program.addCommand(deadLettersCommand().copyInheritedSettings(program));
  program.addCommand(analyticsCommand().copyInheritedSettings(program));
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  }
}

await main();
