import { SetupError } from '@parley/deploy';
import { ContinuityLost, isPostgresAway, isPostgresRefusing, LogUnavailable } from '@parley/runtime';
import { InvalidArgumentError } from 'commander';
import { ArchiveFault } from './archive/archive-fault.ts';
import { createProgress, type Progress } from './progress.ts';

/** Of every command. `differs`: it did its work, and what it compared is not the same. */
export const EXIT = { clean: 0, differs: 1, usage: 2, unavailable: 3, stopped: 130 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What was asked for makes no sense: the message says what would. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** Something that the command needs is not there: the message says what to do. */
export class Unavailable extends Error {
  override name = 'Unavailable';
}

export interface CommandContext {
  progress: Progress;
  /** Aborts at the first Ctrl-C: what was begun is left so that the same command goes on from it. */
  signal: AbortSignal;
  /** A line of the result, on standard output. All else goes to standard error. */
  print(line: string): void;
}

/**
 * Does a command's work and sets the exit code. Progress is shown on standard error, a bar on a terminal; what a command
 * found out is printed on standard output, so that it can be piped. After Ctrl-C the last line is `afterStop`.
 */
export async function runCommand(
  work: (context: CommandContext) => Promise<ExitCode>,
  { afterStop }: { afterStop?: string } = {},
): Promise<void> {
  const stopping = stopOnSignal();
  const progress = createProgress(stopping.signal);
  try {
    const print = (line: string): void => void process.stdout.write(`${line}\n`);
    process.exitCode = await work({ progress, signal: stopping.signal, print });
  } catch (error) {
    process.exitCode = stopping.signal.aborted ? EXIT.stopped : exitCodeOf(error);
    if (!stopping.signal.aborted) process.stderr.write(`\n${explain(error)}\n`);
    else if (afterStop !== undefined) process.stderr.write(`Stopped. ${afterStop}\n`);
  } finally {
    stopping.done();
  }
}

/** For an option's value. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
}

/** The first signal asks for a clean stop; the second does not wait for it. */
function stopOnSignal(): { signal: AbortSignal; done(): void } {
  const stopping = new AbortController();
  let first: number | undefined;
  const stop = (): void => {
    // A terminal's Ctrl-C reaches this process twice under npm: once directly, once passed on.
    if (first !== undefined && performance.now() - first > 500) process.exit(EXIT.stopped);
    first ??= performance.now();
    stopping.abort(new Error('stopped'));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, stop);
  const done = (): void => {
    for (const name of signals) process.off(name, stop);
  };
  return { signal: stopping.signal, done };
}

function exitCodeOf(error: unknown): ExitCode {
  return error instanceof UsageError ? EXIT.usage : EXIT.unavailable;
}

/** A person can do something about the errors that are named here; of all others the place is told too. */
const KNOWN = [UsageError, Unavailable, SetupError, LogUnavailable, ContinuityLost, ArchiveFault];

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (KNOWN.some((kind) => error instanceof kind)) return error.message;
  if (isPostgresRefusing(error)) return refusal(error);
  // NATS is asked first and says so itself: what else refuses a connection is Postgres.
  if (isPostgresAway(error) || ('code' in error && AWAY.has(String(error.code)))) return away(error);
  if ('code' in error && error.code === NOT_ALLOWED) {
    return (
      `Postgres does not let this role do that: ${error.message}. Name one that may with --postgres or DATABASE_URL: the ` +
      'owner of the read model, who for a rebuild or a verification also needs GRANT CREATE ON DATABASE.'
    );
  }
  return error.stack ?? error.message;
}

/** SQLSTATE of a privilege that is lacking. */
const NOT_ALLOWED = '42501';

const AWAY = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT', 'EHOSTUNREACH']);

function away(error: Error): string {
  // One of several addresses, as of localhost: the reasons are inside.
  const inside = error instanceof AggregateError ? error.errors.map(String).join('; ') : error.message;
  return `Postgres does not answer (${inside}): start it (here: npm start), or correct --postgres or DATABASE_URL.`;
}

const NO_PASSWORD = /password must be a |empty password/i;

function refusal({ message }: Error): string {
  return NO_PASSWORD.test(message)
    ? 'Postgres wants a password, and there is none in --postgres or DATABASE_URL. That of the local stack is in ' +
        '.parley/stack.json.'
    : `Postgres refused: ${message}. Correct --postgres or DATABASE_URL.`;
}
