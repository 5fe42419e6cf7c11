import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats } from '@parley/deploy/testing';
import { createLogger, type EventLog, openEventLog } from '@parley/runtime';

export interface TestLog {
  url: string;
  /** A folder that goes with the log. */
  dir: string;
  log: EventLog;
  close(): Promise<void>;
}

/** An empty log in a nats-server of its own. */
export async function openTestLog(): Promise<TestLog> {
  const dir = mkdtempSync(join(tmpdir(), 'parley-cli-log-'));
  const nats = await startNats({ dir: join(dir, 'nats') });
  const logger = createLogger({ name: 'test', level: 'silent' });
  const { log, close } = await openEventLog({ natsUrl: nats.url, replicas: 1, name: 'test', logger });
  return {
    url: nats.url,
    dir,
    log,
    async close() {
      await close();
      await nats.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
