import { parseArgs } from 'node:util';
import { followLog } from './follow-log.ts';
import { LogReader } from './log-reader.ts';
import { renderReport } from './report.ts';
import { readState } from './state-file.ts';

const USAGE = `Counts messages per hour, active users per day and response times from Parley's log.

  node dist/main.js [--once] [--consumer analytics_local] [--state analytics.json]
  node dist/main.js --report [--state analytics.json]

  --once      end when everything that is in the log now is counted, and print the numbers
  --report    print the numbers that are stored, and end
  ANALYTICS_URL    nats://analytics:<password>@<host>:4222
`;

function readArguments() {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      consumer: { type: 'string', default: 'analytics_local' },
      state: { type: 'string', default: 'analytics.json' },
    },
  });
  return values;
}

async function main(): Promise<void> {
  const { once, report, help, consumer, state: stateFile } = readArguments();
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  if (help) return print(USAGE);
  if (report) return print(renderReport(readState(stateFile)));
  const natsUrl = process.env.ANALYTICS_URL;
  if (!natsUrl)
    throw new Error('ANALYTICS_URL is not set. Of the local stack it is `analytics` in .parley/stack.json.');
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort());
  const reader = await LogReader.open({ natsUrl, consumer });
  const { signal } = stopping;
  const onProgress = ({ sequence }: { sequence: number }, behind: number) =>
    void process.stderr.write(`counted up to ${sequence}, ${behind} behind\n`);
  try {
    print(renderReport(await followLog({ reader, stateFile, once, signal, onProgress })));
  } finally {
    await reader.close();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
