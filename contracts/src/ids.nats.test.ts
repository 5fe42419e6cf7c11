import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { type NatsServer, startNats } from '@parley/deploy/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PARTITIONS, partitionOf, userIdSchema, userToken } from './ids.ts';

const dir = mkdtempSync(join(tmpdir(), 'parley-partition-'));
let server: NatsServer;
let connection: NatsConnection;

beforeAll(async () => {
  const configExtra = `mappings: { "token.*": "partition.{{partition(${PARTITIONS},1)}}.{{wildcard(1)}}" }`;
  server = await startNats({ dir, configExtra });
  connection = await connect({ servers: server.url });
});
afterAll(async () => {
  await connection?.close();
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** What the server's own transform makes of each token. */
async function partitionsByServer(tokens: readonly string[]): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const subscription = connection.subscribe('partition.>', { max: tokens.length });
  for (const token of tokens) connection.publish(`token.${token}`);
  await connection.flush();
  for await (const { subject } of subscription) {
    const [, partition, ...token] = subject.split('.');
    found.set(token.join('.'), Number(partition));
  }
  return found;
}

test('the partition of a token is the one that the server computes', async () => {
  const ids = fc.sample(fc.uuid({ version: [4, 5, 7] }), 500);
  const users = fc.sample(
    fc
      .string({ unit: 'binary', minLength: 1, maxLength: 60 })
      .filter((id) => userIdSchema.safeParse(id).success),
    500,
  );
  const plain = ['a', 'anna', 'A-b_c', '0'.repeat(128), 'Ünïcödé', 'a.b', '*', '>', ' ', '~YQ', '😀'];
  const tokens = [...new Set([...ids, ...users.map(userToken), ...plain.map(userToken)])];
  const byServer = await partitionsByServer(tokens);
  expect(byServer.size).toBe(tokens.length);
  expect(Object.fromEntries(tokens.map((token) => [token, partitionOf(token)]))).toEqual(
    Object.fromEntries(byServer),
  );
  expect(new Set(byServer.values()).size).toBe(PARTITIONS);
});
