import type { Client } from 'pg';
import type { Checkpoint } from '../checkpoints.ts';
import { shapeOfThisBuild } from '../migrate.ts';
import { checkpointsOf } from './live-read-model.ts';
import { RebuildRefused } from './rebuild-lock.ts';
import { NEXT, READ_MODEL, tablesOf } from './schema-state.ts';

/** The live read model's checkpoints. Throws RebuildRefused when it is not of this build, or `tables` are none of its. */
export async function refuseOtherTables(
  client: Client,
  { tables }: { tables?: readonly string[] },
): Promise<Checkpoint[]> {
  const { rows } = await client.query<{ known: boolean }>(
    "SELECT to_regclass('parley_migrations.__drizzle_migrations') IS NOT NULL AS known",
  );
  if (rows[0]?.known !== true) {
    throw new RebuildRefused('There is no read model in this database: start the projector, it makes one.');
  }
  const newest = await client.query<{ newest: string }>(
    'SELECT max(created_at) AS newest FROM parley_migrations.__drizzle_migrations',
  );
  if (Number(newest.rows[0]?.newest) !== shapeOfThisBuild().newest) {
    throw new RebuildRefused(
      'The tables of the read model are of another release than this command: start the projector of this release first, or use the command of that one.',
    );
  }
  await tablesOfProjection(client, tables);
  return checkpointsOf(client, READ_MODEL);
}

async function tablesOfProjection(client: Client, wanted?: readonly string[]): Promise<string[]> {
  const known = (await tablesOf(client, READ_MODEL)).filter((table) => table !== 'checkpoints');
  if (!wanted) return known;
  const exchangeable = known.filter((table) => table !== 'dead_letters');
  const unknown = wanted.find((table) => !exchangeable.includes(table));
  if (unknown !== undefined) {
    throw new RebuildRefused(`There is no projection ${unknown}. There are: ${exchangeable.join(', ')}.`);
  }
  return [...wanted];
}

/** Everything, or what was asked for. Throws RebuildRefused when single tables would not fit the others. */
export async function tablesToExchange(client: Client, wanted?: readonly string[]): Promise<string[]> {
  const tables = await tablesOfProjection(client, wanted);
  if (!wanted) return tables;
  const { rowCount } = await client.query(
    `SELECT FROM (SELECT key, sequence FROM ${READ_MODEL}.dead_letters) AS live
       FULL JOIN (SELECT key, sequence FROM ${NEXT}.dead_letters) AS next USING (key, sequence)
      WHERE (live IS NULL) <> (next IS NULL) LIMIT 1`,
  );
  if (rowCount !== 0) {
    throw new RebuildRefused(
      'Other commits are parked as dead letters now than in the live read model: exchange all tables, without --projection.',
    );
  }
  return tables;
}
