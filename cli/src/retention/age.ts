import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** An append whose answer was lost asks the log for some 18 s which commit came first: that one must be there still. */
const YOUNGEST_MS = 20_000;

/** For an option's value: `90d`, `12h`, `30m`, `20s` in milliseconds. */
export function age(text: string): number {
  const [, amount, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ms = Number(amount) * (UNITS[unit] ?? 0);
  if (amount === undefined || ms < YOUNGEST_MS) {
    throw new InvalidArgumentError('It must be a time like 90d or 12h, and at least 20s.');
  }
  return ms;
}
