import { type QueryAnswer, type QueryInput, type QueryName, querySchemas } from '@parley/contracts';
import type { Principal } from '@parley/runtime';
import { expect } from 'vitest';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import type { ReadModel } from './read-model.ts';

type Read<N extends QueryName> = (snapshot: Snapshot, request: QueryRequest<N>) => Promise<QueryAnswer<N>>;

/** Asks as a client does: the query has its defaults, and the answer must be what the contract says. */
export async function ask<N extends QueryName>(
  model: ReadModel,
  [name, read]: [N, Read<N>],
  query: QueryInput<N>,
  principal: Principal,
  params: unknown = {},
): Promise<QueryAnswer<N>> {
  const schemas = querySchemas[name];
  const request = {
    params: schemas.params.parse(params),
    query: schemas.query.parse(query),
    principal,
  } as QueryRequest<N>;
  const answer = await model.read((snapshot) => read(snapshot, request));
  expect(schemas.answer.parse(answer)).toEqual(answer);
  return answer;
}

/** All items over the pages of a list; each page is full but the last. */
export async function askAll<Item>(
  read: (cursor: string | undefined) => Promise<{ items: Item[]; nextCursor: string | null }>,
  limit: number,
): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
    if (cursor !== undefined) expect(page.items).toHaveLength(limit);
  } while (cursor !== undefined);
  return items;
}
