import type { Sample } from './interleave.ts';

/** Few rounds: the whole range says more than a deviation. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** One side's measure over another's, taken round by round: both runs of a round met the same machine. */
export interface RatioWish {
  name: string;
  of: string;
  over: string;
  measure: string;
  /** Absent for the A/A line and for what is only told. */
  aim?: { atLeast: number } | { atMost: number };
}

export interface Ratio extends RatioWish, Spread {
  met: boolean | null;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return { median: (upper + lower) / 2, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

export function ratioOf(samples: ReadonlyMap<string, readonly Sample[]>, wish: RatioWish): Ratio {
  const over = samples.get(wish.over) ?? [];
  const values = (samples.get(wish.of) ?? []).map(
    (sample, round) => (sample[wish.measure] ?? Number.NaN) / (over[round]?.[wish.measure] ?? Number.NaN),
  );
  const spread = spreadOf(values);
  return { ...wish, ...spread, met: verdict(spread.median, wish.aim) };
}

function verdict(median: number, aim: RatioWish['aim']): boolean | null {
  if (!aim) return null;
  return 'atLeast' in aim ? median >= aim.atLeast : median <= aim.atMost;
}

export function spreadsOf(samples: readonly Sample[]): Record<string, Spread> {
  const measures = [...new Set(samples.flatMap((sample) => Object.keys(sample)))];
  return Object.fromEntries(
    measures.map((measure) => [measure, spreadOf(samples.map((sample) => sample[measure] ?? Number.NaN))]),
  );
}
