import { existsSync, readFileSync, statSync } from 'node:fs';

/** The size of a log now, so that a later look can start where this run began. */
export function logSize(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}

export function logTail(file: string, lines: number, from = 0): string {
  if (!existsSync(file)) return '';
  const text = readFileSync(file).subarray(from).toString('utf8').trimEnd();
  return text.split('\n').slice(-lines).join('\n');
}
