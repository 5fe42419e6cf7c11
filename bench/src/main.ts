import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { catchUpBench } from './catch-up.bench.ts';
import { fanOutBench } from './fan-out.bench.ts';
import { printResult } from './frame/print-result.ts';
import { type BenchResult, runBench } from './frame/run-bench.ts';
import { idleBench } from './idle.bench.ts';
import { postToFrameBench } from './post-to-frame.bench.ts';
import { type BenchRequest, readArguments, USAGE } from './read-arguments.ts';
import { rebuildBench } from './rebuild.bench.ts';
import { resumeStormBench } from './resume-storm.bench.ts';
import { sendBench } from './send.bench.ts';
import { stalledReaderBench } from './stalled-reader.bench.ts';

const benches = [
  sendBench,
  fanOutBench,
  postToFrameBench,
  idleBench,
  resumeStormBench,
  catchUpBench,
  rebuildBench,
  stalledReaderBench,
];
const resultsFolder = fileURLToPath(new URL('../results', import.meta.url));

// Leaving by way of `exit` ends every process that was started and removes its files.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const request = requestOrExit();
const results: BenchResult[] = [];
for (const bench of benches.filter(({ name }) => request.names.includes(name))) {
  const result = await runBench(bench, request.options, (line) => console.log(line));
  console.log(printResult(result));
  results.push(result);
  if (request.json === undefined && !request.options.quick && request.options.only.length === 0)
    write(resultFile(result), result);
}
if (request.json !== undefined) write(resolve(request.json), results);

function requestOrExit(): BenchRequest {
  try {
    return readArguments(
      process.argv.slice(2),
      benches.map(({ name }) => name),
    );
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

function resultFile({ bench, parameters }: BenchResult): string {
  const suffix = parameters.replicas === 3 ? '-3-replicas' : '';
  return resolve(resultsFolder, `${bench}${suffix}.json`);
}

function write(file: string, content: unknown): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  console.log(`written: ${file}`);
}
