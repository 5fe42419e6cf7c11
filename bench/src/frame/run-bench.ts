import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench, BenchOptions } from './bench.ts';
import { interleave, type Sample } from './interleave.ts';
import { describeMachine, type Machine } from './machine.ts';
import { type Ratio, ratioOf, type Spread, spreadsOf } from './spread.ts';
import { Started } from './started.ts';

export interface BenchResult {
  bench: string;
  title: string;
  at: string;
  quick: boolean;
  rounds: number;
  machine: Machine;
  servers: Record<string, string>;
  parameters: Record<string, number | string>;
  sides: Record<string, Record<string, Spread>>;
  ratios: Ratio[];
  /** Every single run, round by round. */
  samples: Record<string, readonly Sample[]>;
}

/** Sets a bench up, measures it and takes everything down again, whatever happens on the way. */
export async function runBench(
  bench: Bench,
  options: BenchOptions,
  say: (line: string) => void,
): Promise<BenchResult> {
  const machine = describeMachine();
  const at = new Date().toISOString();
  const dir = mkdtempSync(join(tmpdir(), `parley-bench-${bench.name}-`));
  const removeFiles = () => rmSync(dir, { recursive: true, force: true });
  process.once('exit', removeFiles);
  const started = new Started();
  const isWanted = (side: string) => options.only.length === 0 || options.only.includes(side);
  try {
    say(`${bench.name}: setting up`);
    const prepared = await bench.prepare({ dir, options, started });
    const { servers, parameters, ...measured } = prepared;
    const sides = measured.sides.filter(({ name }) => isWanted(name));
    for (const side of sides) await side.run();
    const samples = await interleave(sides, options.rounds, (round, side, sample) =>
      say(`  round ${round + 1}/${options.rounds}  ${side}: ${shown(sample)}`),
    );
    const ratios = measured.ratios.filter(({ of, over }) => isWanted(of) && isWanted(over));
    return {
      bench: bench.name,
      title: bench.title,
      at,
      quick: options.quick,
      rounds: options.rounds,
      machine,
      servers,
      parameters,
      sides: Object.fromEntries([...samples].map(([side, list]) => [side, spreadsOf(list)])),
      ratios: ratios.map((wish) => ratioOf(samples, wish)),
      samples: Object.fromEntries(samples),
    };
  } finally {
    await started.stop();
    removeFiles();
    process.off('exit', removeFiles);
  }
}

function shown(sample: Sample): string {
  return Object.entries(sample)
    .map(([measure, value]) => `${measure} ${formatNumber(value)}`)
    .join(', ');
}

export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}
