import type { Side } from './interleave.ts';
import type { RatioWish } from './spread.ts';
import type { Started } from './started.ts';

export interface BenchOptions {
  rounds: number;
  /** Short runs to see that everything works; the numbers mean little. */
  quick: boolean;
  replicas: 1 | 3;
  /** Names of the sides to run; empty = all. */
  only: readonly string[];
  /** The bench's own input, where it takes one. */
  input: string | undefined;
  /** Put in front of every process of ours: `--cpu-prof` and the like. */
  nodeArguments: readonly string[];
}

/** A bench that is set up: its sides may run any number of times, in any order. */
export interface PreparedBench {
  /** Versions of the servers that take part. */
  servers: Record<string, string>;
  /** What the numbers depend on: sizes, seconds, connections. */
  parameters: Record<string, number | string>;
  sides: readonly Side[];
  ratios: readonly RatioWish[];
}

export interface BenchContext {
  /** Removed afterwards. */
  dir: string;
  options: BenchOptions;
  started: Started;
}

export interface Bench {
  name: string;
  title: string;
  /** Whatever it starts, it hands to `started` at once, also when it then fails. */
  prepare(context: BenchContext): Promise<PreparedBench>;
}
