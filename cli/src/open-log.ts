import { createLogger, type Logger, type OpenLog, openEventLog } from '@parley/runtime';
import type { Places } from './places.ts';

/** Only what a person should read on standard error beside a command's own progress. */
export const quietLogger: Logger = createLogger({ name: 'parley', level: 'fatal' });

/** The log, for a command. Throws with what to do when NATS does not answer. */
export function openLog({ nats: natsUrl, replicas }: Places): Promise<OpenLog> {
  return openEventLog({ natsUrl, replicas, name: 'parley-cli', logger: quietLogger });
}
