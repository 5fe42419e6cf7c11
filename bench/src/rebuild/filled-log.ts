import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLogger, type EventLog, openEventLog } from '@parley/runtime';
import { ircCommits } from '../catch-up/irc-commits.ts';
import { readRooms } from '../catch-up/read-lines.ts';
import type { BenchContext } from '../frame/bench.ts';
import { type LogServer, startLogServer } from '../frame/nats.ts';

const APPENDS_IN_FLIGHT = 256;
const SAMPLE = fileURLToPath(new URL('../../../cli/data/ubuntu-irc-sample.ndjson.gz', import.meta.url));

/** A log of its own with so many commits of IRC rooms: straight into the stream, as the command API would store them. */
export async function startFilledLog(
  { dir, options, started }: BenchContext,
  commits: number,
): Promise<{ nats: LogServer; bytes: number }> {
  const { replicas, input = SAMPLE } = options;
  if (!existsSync(input)) throw new Error(`there is no ${input}: name a file of IRC lines with --input`);
  const nats = started.add(await startLogServer(join(dir, 'nats'), replicas));
  const logger = createLogger({ name: 'bench', level: 'error' });
  const opened = await openEventLog({ natsUrl: nats.url, replicas, name: 'bench', logger });
  try {
    return { nats, bytes: await fill(opened.log, input, commits) };
  } finally {
    await opened.close();
  }
}

async function fill(log: EventLog, input: string, commits: number): Promise<number> {
  const source = ircCommits(await readRooms(input), commits);
  let bytes = 0;
  const append = async () => {
    // One shared generator: a commit is sent in the order in which it was made, on one connection.
    for (let next = source.next(); !next.done; next = source.next()) {
      const { subject, commitId, payload } = next.value;
      bytes += payload.length;
      await log.append({ subject, commitId, payload, expectedLastSequence: 'any' });
    }
  };
  await Promise.all(Array.from({ length: APPENDS_IN_FLIGHT }, append));
  const { last } = await log.bounds();
  if (last !== commits) throw new Error(`the log holds ${last} commits instead of ${commits}`);
  return bytes;
}
