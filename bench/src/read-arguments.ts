import { parseArgs } from 'node:util';
import type { BenchOptions } from './frame/bench.ts';

export interface BenchRequest {
  names: string[];
  options: BenchOptions;
  /** All results in one file, instead of one file for each under `bench/results`. */
  json: string | undefined;
}

const DEFAULT_ROUNDS = 5;
const QUICK_ROUNDS = 2;

export const USAGE = `npm run bench -- [name…] [options]

  --rounds N       rounds of every side, ${DEFAULT_ROUNDS} unless told
  --replicas 1|3   copies of the log; 3 starts three servers for each side
  --input FILE     IRC lines for catch-up and rebuild (.ndjson.gz) instead of the sample that is shipped
  --json FILE      one file for all results, instead of bench/results/<name>.json
  --quick          short runs, ${QUICK_ROUNDS} rounds, no result files: does it work at all?
  --side NAME      only this side (repeat for more), no result files: for profiles
  --cpu-prof DIR   CPU profiles of our services (they slow them down a little)
`;

/** Throws with words for the user when the arguments make no sense. */
export function readArguments(args: readonly string[], known: readonly string[]): BenchRequest {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      replicas: { type: 'string', default: '1' },
      input: { type: 'string' },
      json: { type: 'string' },
      quick: { type: 'boolean', default: false },
      'cpu-prof': { type: 'string' },
      side: { type: 'string', multiple: true, default: [] },
    },
  });
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`no such bench: ${unknown.join(', ')}; known: ${known.join(', ')}`);
  if (values.replicas !== '1' && values.replicas !== '3') throw new Error('--replicas is 1 or 3');
  const rounds = Number(values.rounds ?? (values.quick ? QUICK_ROUNDS : DEFAULT_ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
    throw new Error('--rounds is a number from 1 to 100');
  const profiles = values['cpu-prof'];
  return {
    names: positionals.length > 0 ? positionals : [...known],
    json: values.json,
    options: {
      rounds,
      quick: values.quick,
      replicas: values.replicas === '3' ? 3 : 1,
      only: values.side,
      input: values.input,
      nodeArguments: profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`],
    },
  };
}
