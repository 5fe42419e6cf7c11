import type { z } from 'zod';

/** What is wrong with a value that the schema of an object refused, in words for whoever made it: of its first such field. */
export function fieldFault(value: unknown, { issues: [issue] }: z.ZodError): string {
  if (!issue || issue.path.length === 0) return 'not a JSON object';
  const { path, message } = issue;
  const field = `field "${path.join('.')}"`;
  return isMissing(value, path) ? `${field} is missing` : `${field}: ${message}`;
}

function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  let at = value;
  for (const key of path) at = (at as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[key];
  return at === undefined;
}
