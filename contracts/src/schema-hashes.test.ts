import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { batchSchema, commandSchemas } from './commands.ts';
import { envelopeSchema, eventSchemas } from './events.ts';
import { clientFrameSchema, serverFrames } from './frames.ts';
import { querySchemas } from './queries.ts';

const file = 'contracts/fixtures/schema-hashes.json';
const golden: Record<string, string> = JSON.parse(
  readFileSync(new URL('../fixtures/schema-hashes.json', import.meta.url), 'utf8'),
);

/** Of what the schema takes in; rules that JSON Schema has no word for (limits counted in characters) are not in it. */
function hashOf(schema: z.ZodType): string {
  const shape = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return hash('sha256', JSON.stringify(sorted(shape)), 'hex').slice(0, 16);
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => [key, sorted(field)]),
  );
}

const events = Object.entries(eventSchemas).map(([type, { version, data }]) => ({
  name: `event ${type} v${version}`,
  type,
  version,
  schema: data as z.ZodType,
}));
const others: { name: string; schema: z.ZodType }[] = [
  { name: 'envelope', schema: envelopeSchema },
  { name: 'batch', schema: batchSchema },
  ...Object.entries(commandSchemas).flatMap(([type, { data, result }]) => [
    { name: `command ${type} data`, schema: data as z.ZodType },
    { name: `command ${type} result`, schema: result as z.ZodType },
  ]),
  { name: 'frames of clients', schema: clientFrameSchema },
  { name: 'frames of servers', schema: z.object(serverFrames) },
  ...Object.entries(querySchemas).flatMap(([name, { query, answer }]) => [
    { name: `query ${name}`, schema: query as z.ZodType },
    { name: `view ${name}`, schema: answer as z.ZodType },
  ]),
];

test.each(events)('$name is the one that is in the logs of the world', ({ name, type, version, schema }) => {
  const now = hashOf(schema);
  const advice =
    golden[name] === undefined
      ? `${name} is new: add "${name}": "${now}" to ${file} and a golden file fixtures/events/${type}.v${version}.json.`
      : `${name} has changed, but events of the old shape are stored for ever. Raise its version in events.ts to ${version + 1}, ` +
        `add the upcaster "${type}:${version}", a golden file, and "event ${type} v${version + 1}": "${now}" to ${file}. ` +
        'Only when no such event was ever stored anywhere, replace the hash.';
  expect(now, advice).toBe(golden[name]);
});

test.each(others)('$name is what clients were promised', ({ name, schema }) => {
  const now = hashOf(schema);
  const advice =
    `${name} ${golden[name] === undefined ? 'is new' : 'has changed'}. If every client and stored value of before still fits it, ` +
    `put "${name}": "${now}" into ${file}; otherwise give the new shape a new name.`;
  expect(now, advice).toBe(golden[name]);
});

test('no schema is forgotten in the list, and versions of before stay in it', () => {
  const before = events.flatMap(({ type, version }) =>
    Array.from({ length: version - 1 }, (_, index) => `event ${type} v${index + 1}`),
  );
  const names = [...events.map(({ name }) => name), ...others.map(({ name }) => name), ...before];
  expect(Object.keys(golden).sort()).toEqual(names.sort());
});
