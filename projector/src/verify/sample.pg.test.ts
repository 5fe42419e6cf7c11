import {
  conversationSubject,
  parseSubject,
  readsSubject,
  userIdSchema,
  userSubject,
} from '@parley/contracts';
import fc from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { privatePostgres } from '../testing/database.ts';
import { sourceOf } from './described-tables.ts';
import { isSampled, isSampledId, sampledCondition } from './sample.ts';

let postgres: Awaited<ReturnType<typeof privatePostgres>>;
let client: Client;
beforeAll(async () => {
  postgres = await privatePostgres();
  client = new Client({ connectionString: await postgres.readModel() });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await postgres?.stop();
});

const userId = fc
  .string({ unit: 'grapheme', maxLength: 30 })
  .filter((id) => userIdSchema.safeParse(id).success);
const percent = fc.integer({ min: 1, max: 9_999 }).map((part) => part / 100);

it('the same ids are sampled here and in SQL, and the same rows of commands', async () => {
  const aggregates = fc.array(fc.oneof({ weight: 3, arbitrary: userId }, fc.uuid()), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(aggregates, percent, async (ids, part) => {
      const unique = [...new Set(ids)];
      const { rows } = await client.query<{ id: string }>(
        `SELECT id FROM unnest($1::text[]) AS id WHERE ${sampledCondition('id', part)}`,
        [unique],
      );
      expect(rows.map(({ id }) => id)).toEqual(unique.filter((id) => isSampledId(id, part)));

      const subjects = unique.map((id, at) => (at % 2 ? conversationSubject(id) : userSubject(id)));
      const known = subjects.filter((subject) => parseSubject(subject) !== null);
      await client.query('BEGIN');
      await client.query(
        `INSERT INTO read_model.command_results SELECT gen_random_uuid(), s, 1 FROM unnest($1::text[]) AS s`,
        [known],
      );
      const kept = await client.query<{ aggregate: string }>(
        `SELECT aggregate FROM ${sourceOf('command_results', 'read_model', part)}`,
      );
      await client.query('ROLLBACK');
      const sampled = known.filter((subject) => {
        const aggregate = parseSubject(subject);
        return aggregate !== null && isSampled(aggregate, part);
      });
      expect(kept.rows.map(({ aggregate }) => aggregate).sort()).toEqual(sampled.sort());
    }),
    { numRuns: 60 },
  );
});

it('a larger sample holds the smaller one, all is all, and cursors of every conversation are read', () => {
  fc.assert(
    fc.property(userId, percent, percent, (id, a, b) => {
      if (isSampledId(id, Math.min(a, b))) expect(isSampledId(id, Math.max(a, b))).toBe(true);
      expect(isSampledId(id, 100)).toBe(true);
    }),
  );
  expect(sampledCondition('id', 100)).toBeNull();
  const reads = parseSubject(readsSubject('01920000-0000-7000-8000-000000000001'));
  expect(reads && isSampled(reads, 0.01)).toBe(true);
});
