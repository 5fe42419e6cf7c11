import { expect, test } from 'vitest';
import { commandSchemas } from '../commands.ts';
import { errorCatalogue } from '../errors.ts';
import { eventSchemas } from '../events.ts';
import { commandExamples } from './command-examples.ts';
import { olderVersionWords } from './event-words.ts';
import { asyncApiOfLog, asyncApiOfSocket, eventsPage, openApiOfCommands, openApiOfQueries } from './index.ts';
import type { Json } from './json-schema.ts';

const makers = {
  commands: openApiOfCommands,
  queries: openApiOfQueries,
  log: asyncApiOfLog,
  socket: asyncApiOfSocket,
};
const documents = {
  commands: makers.commands(),
  queries: makers.queries(),
  log: makers.log(),
  socket: makers.socket(),
};
const each = Object.entries(documents).map(([name, document]) => ({ name, document }));

/** Every object in a document with its JSON pointer. */
function* nodesOf(value: unknown, at = '#'): Generator<{ at: string; node: Json }> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield { at, node: value as Json };
  for (const [key, child] of Object.entries(value)) yield* nodesOf(child, `${at}/${key}`);
}

function resolve(document: Json, pointer: string): unknown {
  let found: unknown = document;
  for (const key of pointer.slice(2).split('/')) found = (found as Json | undefined)?.[key];
  return found;
}

test.each(each)('every reference in the document of the $name leads somewhere', ({ document }) => {
  const refs = [...nodesOf(document)].flatMap(({ node }) =>
    typeof node.$ref === 'string' ? [node.$ref] : [],
  );
  expect(refs.length).toBeGreaterThan(50);
  expect(refs.filter((ref) => resolve(document, ref) === undefined)).toEqual([]);
});

test.each(each)('every field in the document of the $name says what it means', ({ document }) => {
  const silent = [...nodesOf(document)].flatMap(({ at, node }) => {
    // A field may be called `properties`; what narrows another schema has been described there.
    const narrows = typeof node.$ref === 'string';
    if (narrows || typeof node.properties !== 'object' || at.endsWith('/properties')) return [];
    return Object.entries(node.properties as Record<string, Json>)
      .filter(([, field]) => !field.description)
      .map(([field]) => `${at}/${field}`);
  });
  expect(silent).toEqual([]);
});

test.each([
  { name: 'commands', document: documents.commands },
  { name: 'queries', document: documents.queries },
])('a response in the document of the $name names only codes of its status', ({ document }) => {
  const responses = (document.components as { responses: Record<string, unknown> }).responses;
  for (const name of Object.keys(responses)) {
    const [status, ...codes] = name.split('.');
    expect(codes.length).toBeGreaterThan(0);
    for (const code of codes) {
      expect(errorCatalogue).toHaveProperty(code);
      expect(String(errorCatalogue[code as keyof typeof errorCatalogue].status)).toBe(status);
    }
  }
});

test.each(Object.entries(commandExamples))('the example of %s is taken', (type, example) => {
  expect(commandSchemas[type as keyof typeof commandExamples].data.safeParse(example).error).toBeUndefined();
});

test('an older version of an event has words, and no version that never was', () => {
  const older = Object.entries(eventSchemas).flatMap(([type, { version }]) =>
    Array.from({ length: version - 1 }, (_, index) => `${type}:${index + 1}`),
  );
  expect(Object.keys(olderVersionWords).sort()).toEqual(older.sort());
});

test('the page of events has every type with its version and loads nothing', () => {
  const page = eventsPage();
  for (const [type, { version }] of Object.entries(eventSchemas)) {
    expect(page).toContain(`<h3><code>${type}</code> <small>version ${version}</small></h3>`);
  }
  expect(page).not.toMatch(/<script|<link|src=|undefined/);
});

test('the documents are the same however often they are made', () => {
  expect(Object.values(makers).map((make) => make())).toEqual(Object.values(documents));
});
