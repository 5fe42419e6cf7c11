import { hash } from 'node:crypto';
import type { Turn } from '../demo/script.ts';

/** One command with more people might be a large event. */
const PEOPLE_AT_ONCE = 500;
/** So many commands, each as large as they get here, fit a request. */
const STEPS_AT_ONCE = 10;

/** Several steps of one person in a row are one request. */
export function merged(turns: readonly Turn[]): Turn[] {
  const joined: Turn[] = [];
  for (const { actor, steps } of turns) {
    const last = joined.at(-1);
    if (last?.actor === actor && last.steps.length + steps.length <= STEPS_AT_ONCE) last.steps.push(...steps);
    else if (steps.length > 0) joined.push({ actor, steps: [...steps] });
  }
  return joined;
}

/** In the order of their ids, so many as one command may name. */
export function inParts(users: readonly string[]): string[][] {
  const sorted = users.toSorted();
  const parts: string[][] = [];
  for (let at = 0; at < sorted.length; at += PEOPLE_AT_ONCE) {
    parts.push(sorted.slice(at, at + PEOPLE_AT_ONCE));
  }
  return parts;
}

/** Stands for a value in a key. */
export function digest(value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'hex').slice(0, 16);
}
