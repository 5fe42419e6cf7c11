import { connect, type NatsConnection } from '@nats-io/transport-node';
import { createLogger, type Logger, type OpenLog, openEventLog } from '@parley/runtime';
import type { LogPlace } from './places.ts';
import { Unavailable } from './run-command.ts';

/** A person waits for it; a service has half a minute for NATS to come up, which is too long to learn of a wrong address. */
const ANSWER_MS = 5_000;

/** Only what a person should read on standard error beside a command's own progress. */
export const quietLogger: Logger = createLogger({ name: 'parley', level: 'fatal' });

/** The log, for a command. Throws Unavailable with what to do when NATS does not answer. */
export async function openLog({ nats: natsUrl, replicas }: LogPlace): Promise<OpenLog> {
  const connection = await connectNats(natsUrl);
  await connection.close();
  try {
    return await openEventLog({ natsUrl, replicas, name: 'parley-cli', logger: quietLogger });
  } catch (error) {
    throw new Unavailable(`The log cannot be opened: ${messageOf(error)}.`, { cause: error });
  }
}

/** For what the log's interface does not tell. Throws Unavailable with what to do when NATS does not answer. */
export async function connectNats(natsUrl: string): Promise<NatsConnection> {
  const servers = natsUrl.split(',').map((url) => url.trim());
  try {
    return await connect({ servers, name: 'parley-cli', timeout: ANSWER_MS });
  } catch (error) {
    throw new Unavailable(
      `NATS does not answer (${messageOf(error)}): start it (here: npm start), or correct --nats or NATS_URL.`,
      { cause: error },
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
