import { hash } from 'node:crypto';

/**
 * Tells a retry from another request under the same key. Made of what the client sent, not of what the schema makes of
 * it, so that a default added to a schema later does not turn old retries into conflicts. The order of keys does not count.
 */
export function requestHash(type: string, actor: string, data: unknown): string {
  return hash('sha256', JSON.stringify([type, actor, sorted(data)]), 'base64url').slice(0, 22);
}

/** Recursion is safe: bodies deeper than 64 levels are refused at the door. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => [key, sorted(field)]),
  );
}
