import { type QueryName, querySchemas } from '@parley/contracts';
import { expect, expectTypeOf, test } from 'vitest';
import { type QueryRequest, queryPath } from './query-path.ts';

const conversationId = '0190a000-0000-7000-8000-000000000001';
const messageId = '0190a000-0000-7000-8000-000000000002';

test('ids stand in the path, values as text in the search, and what is undefined nowhere', () => {
  expect(queryPath('me', {})).toBe('/v1/me');
  expect(queryPath('thread', { params: { conversationId, messageId }, query: { after: 3, limit: 10 } })).toBe(
    `/v1/conversations/${conversationId}/messages/${messageId}/thread?after=3&limit=10`,
  );
  expect(queryPath('notifications', { query: { unread: true, limit: undefined } })).toBe(
    '/v1/me/notifications?unread=true',
  );
  expect(queryPath('user', { params: { userId: 'ann b/c?' } })).toBe('/v1/users/ann%20b%2Fc%3F');
});

test('a parameter is there where URLSearchParams has no size', () => {
  const size = Object.getOwnPropertyDescriptor(URLSearchParams.prototype, 'size') ?? {};
  Object.defineProperty(URLSearchParams.prototype, 'size', { value: undefined, configurable: true });
  const path = queryPath('notifications', { query: { limit: 2 } });
  Object.defineProperty(URLSearchParams.prototype, 'size', size);
  expect(path).toBe('/v1/me/notifications?limit=2');
});

test('every query’s path is filled by the params of its schema', () => {
  for (const [name, { path, params }] of Object.entries(querySchemas)) {
    const values = Object.fromEntries(Object.keys(params.shape).map((key) => [key, messageId]));
    const filled = queryPath(name as QueryName, { params: values } as QueryRequest<QueryName>);
    expect(filled).toBe(path.replaceAll(/:\w+/g, messageId));
  }
});

test('the compiler asks for the ids of the path and for parameters without a default', () => {
  expectTypeOf<QueryRequest<'members'>>().toExtend<{ params: Record<'conversationId', string> }>();
  expectTypeOf<{ params: { conversationId: string } }>().toExtend<QueryRequest<'members'>>();
  expectTypeOf<{ query: { q: string; limit: number } }>().toExtend<QueryRequest<'search'>>();
  expectTypeOf<{ query: { limit: number } }>().not.toExtend<QueryRequest<'search'>>();
});
