import { InvalidArgumentError } from 'commander';

const UNITS: Record<string, number> = { '': 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9 };

/** For an option's value: bytes, or with KB, MB, GB (powers of ten). */
export function byteSize(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+) ?([KMG]?B)?$/i.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit.toUpperCase()] ?? 0);
  if (!digits || !Number.isSafeInteger(bytes) || bytes < 1) {
    throw new InvalidArgumentError('It must be a number of bytes such as 64MB.');
  }
  return bytes;
}
