import { ContinuityLost, type EventLog } from '@parley/runtime';
import { openLog } from '../open-log.ts';
import { findLog, type LogFlags } from '../places.ts';
import type { Progress } from '../progress.ts';
import { EXIT, runCommand, Unavailable } from '../run-command.ts';
import { LineOutput } from './line-output.ts';

/** What a command that only looks at the log works with. */
export interface Look {
  log: EventLog;
  output: LineOutput;
  progress: Progress;
  /** Aborts at Ctrl-C, and when nobody reads the output any more. */
  signal: AbortSignal;
}

type Outcome = typeof EXIT.clean | typeof EXIT.differs;

/** Runs a command that needs the log and nothing else. After Ctrl-C the last line is `afterStop`. */
export function lookAtLog(
  flags: LogFlags,
  work: (look: Look) => Promise<Outcome>,
  stopped: { afterStop?: string } = {},
): Promise<void> {
  return runCommand(async ({ progress, signal }) => {
    const opened = await openLog(await findLog(flags));
    const output = new LineOutput(process.stdout);
    try {
      const both = AbortSignal.any([signal, output.gone]);
      return await work({ log: opened.log, output, progress, signal: both });
    } catch (error) {
      if (output.gone.aborted && !signal.aborted) return EXIT.clean;
      if (error instanceof ContinuityLost)
        throw new Unavailable(`The log cannot be read on: ${error.message}.`);
      throw error;
    } finally {
      await opened.close();
    }
  }, stopped);
}
