/** What one run of one side measured: measure → value. */
export type Sample = Readonly<Record<string, number>>;

export interface Side {
  name: string;
  run(): Promise<Sample>;
}

/**
 * Runs every side once a round, so that whatever else happens on the machine hits all of them alike. The order rotates
 * from round to round and is reversed in every other one: no side always follows the same neighbour.
 */
export async function interleave(
  sides: readonly Side[],
  rounds: number,
  onSample: (round: number, side: string, sample: Sample) => void,
): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(sides.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const side of orderOf(sides, round)) {
      const sample = await side.run();
      samples.get(side.name)?.push(sample);
      onSample(round, side.name, sample);
    }
  }
  return samples;
}

export function orderOf<T>(sides: readonly T[], round: number): T[] {
  const from = Math.floor(round / 2) % Math.max(1, sides.length);
  const rotated = [...sides.slice(from), ...sides.slice(0, from)];
  return round % 2 === 0 ? rotated : rotated.reverse();
}
