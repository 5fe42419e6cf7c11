import type { FieldFault } from '@parley/contracts';
import type { z } from 'zod';
import { ProblemError } from './problem-error.ts';

const MAX_FAULTS = 20;

/**
 * The value that the schema makes of a piece of the request. Throws `invalid-request` naming each faulty field; `at`
 * goes before every path, so that a header or an item of a batch is named as the client knows it.
 */
export function parse<T>(schema: z.ZodType<T>, value: unknown, at?: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ProblemError('invalid-request', { errors: fieldFaults(parsed.error, at) });
}

/** A zod error as field faults, an unknown key under its own name; at most 20 of them. */
export function fieldFaults(error: z.core.$ZodError, at?: string): FieldFault[] {
  const faults = error.issues.slice(0, MAX_FAULTS).flatMap((issue) => {
    const path = at === undefined ? issue.path : [at, ...issue.path];
    if (issue.code !== 'unrecognized_keys') return [{ path: path.join('.'), message: issue.message }];
    return issue.keys
      .slice(0, MAX_FAULTS)
      .map((key) => ({ path: [...path, key.slice(0, 100)].join('.'), message: 'unknown field' }));
  });
  return faults.slice(0, MAX_FAULTS);
}
