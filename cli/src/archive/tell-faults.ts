import { ContinuityLost } from '@parley/runtime';
import { EXIT, type ExitCode, Unavailable } from '../run-command.ts';
import { ArchiveFault } from './archive-fault.ts';

/**
 * What is wrong with archive or log, and what `refusals` say, is a result (1); what is wrong with the disk is something to
 * do about (3).
 */
export async function faultsTold(
  work: () => Promise<ExitCode>,
  refusals: readonly (new (message: string) => Error)[] = [],
): Promise<ExitCode> {
  try {
    return await work();
  } catch (error) {
    if ([ArchiveFault, ContinuityLost, ...refusals].some((kind) => error instanceof kind)) {
      process.stderr.write(`\n${(error as Error).message}\n`);
      return EXIT.differs;
    }
    if (error instanceof Error && 'syscall' in error && 'path' in error) {
      throw new Unavailable(
        `The folder cannot be used: ${error.message}. Correct it and run the same command again.`,
      );
    }
    throw error;
  }
}
