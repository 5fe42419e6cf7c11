import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** For an option's value: `30m`, `24h`, `7d` in milliseconds. */
export function keepTime(text: string): number {
  const [, amount, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('It must be a time like 30m, 24h or 7d.');
  return Number(amount) * (UNITS[unit] ?? 0);
}
