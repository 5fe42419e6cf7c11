import closeWithGrace from 'close-with-grace';
import type { Logger } from './log.ts';
import type { Readiness } from './readiness.ts';

export interface RunningProcess {
  /** Stops taking work, finishes what is in flight, lets go of everything. */
  stop(): Promise<void>;
}

export interface ProcessOptions {
  name: string;
  start(context: { logger: Logger }): Promise<RunningProcess>;
  logger: Logger;
  /** Longest stop in milliseconds. */
  deadlineMs: number;
  /** Told first when the process stops. */
  readiness?: Readiness;
}

/**
 * Runs one service until it is told to go: SIGTERM, SIGINT, or the end of the IPC channel to the launcher that started
 * it. Exit code 0 after a clean stop; 1 after a failed start, a crash, a missed deadline or a second signal.
 */
export async function runProcess(options: ProcessOptions): Promise<void> {
  const { name, start, logger, deadlineMs, readiness } = options;
  const starting = start({ logger });
  let closing = false;
  const stop = async ({ err, signal }: { err?: Error; signal?: string }): Promise<void> => {
    closing = true;
    if (err) logger.fatal({ error: err }, `${name} crashed`);
    else logger.info({ signal: signal ?? 'launcher gone' }, `${name} stops`);
    readiness?.stopping();
    const running = await starting.catch(() => undefined);
    await running?.stop();
    logger.info(`${name} stopped`);
  };
  const grace = closeWithGrace({ delay: deadlineMs, logger: graceLogger(name, logger) }, stop);
  if (process.connected) {
    process.once('disconnect', () => {
      if (!closing) grace.close();
    });
  }
  try {
    await starting;
    if (!closing) logger.info(`${name} runs`);
  } catch (error) {
    if (closing) return;
    logger.fatal(`${name} cannot start: ${startFault(error)}`);
    logger.debug({ error }, 'the cause');
    process.exit(1);
  }
}

function graceLogger(name: string, logger: Logger): { error(value: unknown): void } {
  return {
    error: (value) =>
      value instanceof Error
        ? logger.error({ error: value }, `${name} did not stop cleanly`)
        : logger.error(`${name}: ${String(value)}`),
  };
}

const ADVICE: Record<string, string> = {
  EADDRINUSE: 'the port is taken: set PORT to a free one, or stop what uses it',
  EACCES: 'the port is not open to this user: set PORT above 1023',
  ECONNREFUSED: 'nothing listens there: start it, or correct the address in the environment',
  ENOTFOUND: 'the host name is unknown: correct the address in the environment',
  ETIMEDOUT: 'no answer from there: check the address and the network',
  '28P01': 'Postgres refuses the password: correct DATABASE_URL',
  '3D000': 'the database does not exist: create it, or correct DATABASE_URL',
};

/** One line: what went wrong and what to do. */
function startFault(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  const advice = ADVICE[code];
  const said = error.message || code;
  return advice === undefined ? said : `${said} (${advice})`;
}
