import type { Client } from 'pg';
import type { Checkpoint } from '../checkpoints.ts';
import { shapeOfThisBuild } from '../migrate.ts';
import { checkpointsOf } from './live-read-model.ts';
import { RebuildRefused } from './rebuild-lock.ts';
import { NEXT, READ_MODEL, tablesOf } from './schema-state.ts';

/** A projection was named that there is not. */
export class UnknownProjection extends RebuildRefused {
  override name = 'UnknownProjection';
}

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
  const exchanged = await tablesOfProjection(client, tables);
  await refuseAttached(client, exchanged);
  return checkpointsOf(client, READ_MODEL);
}

/** What is bound to a table itself, not to its name, and so would silently go away with the old one. */
const ATTACHED = `
WITH tables AS (SELECT oid, oid::regclass::text AS name, relrowsecurity FROM pg_class
                 WHERE relnamespace = to_regnamespace('${READ_MODEL}') AND relname = ANY ($1))
SELECT DISTINCT format('the %s %s reads %s', CASE v.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END,
                       v.oid::regclass, t.name) AS what
  FROM tables t JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
  JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
  JOIN pg_class v ON v.oid = r.ev_class AND v.oid <> t.oid
UNION ALL
SELECT DISTINCT format('the function %s reads %s', d.objid::regprocedure, t.name)
  FROM tables t JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
 WHERE d.classid = 'pg_proc'::regclass
UNION ALL
SELECT format('%s has a foreign key to %s', k.conrelid::regclass, t.name)
  FROM tables t JOIN pg_constraint k ON k.contype = 'f' AND k.confrelid = t.oid AND k.conrelid <> t.oid
UNION ALL
SELECT format('%s has row security', name) FROM tables WHERE relrowsecurity
ORDER BY 1`;

async function refuseAttached(client: Client, tables: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ what: string }>(ATTACHED, [tables]);
  if (rows.length === 0) return;
  throw new RebuildRefused(
    `The tables cannot be exchanged: ${rows.map(({ what }) => what).join('; ')}. It would stay with the old tables and be ` +
      'dropped with them. Drop it, run this again, and make it anew on the new tables.',
  );
}

async function tablesOfProjection(client: Client, wanted?: readonly string[]): Promise<string[]> {
  const known = (await tablesOf(client, READ_MODEL)).filter((table) => table !== 'checkpoints');
  if (!wanted) return known;
  const exchangeable = known.filter((table) => table !== 'dead_letters');
  const unknown = wanted.find((table) => !exchangeable.includes(table));
  if (unknown !== undefined) {
    throw new UnknownProjection(`There is no projection ${unknown}. There are: ${exchangeable.join(', ')}.`);
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
