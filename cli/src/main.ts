#!/usr/bin/env node
import { Command, CommanderError, Help, type Option } from 'commander';
import { analyticsCommand } from './analytics/analytics-command.ts';
import { archiveCommand } from './archive/archive-command.ts';
import { deadLettersCommand } from './dead-letters/dead-letters-command.ts';
import { demoCommand } from './demo/demo-command.ts';
import { exportCommand } from './export/export-command.ts';
import { historyCommand } from './history/history-command.ts';
import { importCommand } from './import/import-command.ts';
import { rebuildCommand } from './rebuild/rebuild-command.ts';
import { retentionCommand } from './retention/retention-command.ts';
import { showCommand } from './show/show-command.ts';
import { statusCommand } from './status/status-command.ts';
import { tailCommand } from './tail/tail-command.ts';
import { timeTravelCommand } from './time-travel/time-travel-command.ts';
import { verifyCommand } from './verify/verify-command.ts';

const USAGE = 2;

async function main(): Promise<void> {
  // Whoever reads what is printed may have seen enough: `parley tail | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  const program = new Command('parley')
    .description('Works with a Parley: the stack that `npm start` runs here, or one of its own.')
    .exitOverride()
    .configureHelp({ optionDescription })
    .showHelpAfterError('Type `parley --help`.');
  for (const command of [
    demoCommand(),
    tailCommand(),
    historyCommand(),
    showCommand(),
    archiveCommand(),
    exportCommand(),
    timeTravelCommand(),
    statusCommand(),
    verifyCommand(),
    rebuildCommand(),
    retentionCommand(),
    deadLettersCommand(),
    analyticsCommand(),
    importCommand(),
  ]) {
    const ofThis = `Type \`parley ${command.name()} --help\`.`;
    program.addCommand(command.copyInheritedSettings(program).showHelpAfterError(ofThis));
    for (const part of command.commands) part.copyInheritedSettings(command);
  }
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  }
}

/** That a switch is off until it is given goes without saying. */
function optionDescription(option: Option): string {
  const plain = option.defaultValue === false || Array.isArray(option.defaultValue);
  return plain ? option.description : new Help().optionDescription(option);
}

await main();
