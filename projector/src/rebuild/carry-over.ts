import type { Client } from 'pg';
import { makeIndexes } from './indexes.ts';
import { RebuildRefused } from './rebuild-lock.ts';
import { NEXT, READ_MODEL } from './schema-state.ts';

/** The tables in use beside their counterparts; $1 names them. */
const PAIRS = `pg_class live JOIN pg_class next
    ON live.relnamespace = to_regnamespace('${READ_MODEL}') AND next.relnamespace = to_regnamespace('${NEXT}')
   AND next.relname = live.relname AND live.relkind = 'r' AND live.relname = ANY ($1)`;

const OWNERS = `
SELECT format('ALTER SCHEMA ${NEXT} OWNER TO %s', live.nspowner::regrole)
  FROM pg_namespace live JOIN pg_namespace next ON live.nspname = '${READ_MODEL}' AND next.nspname = '${NEXT}'
 WHERE live.nspowner <> next.nspowner
UNION ALL
SELECT format('ALTER TABLE %s OWNER TO %s', next.oid::regclass, live.relowner::regrole)
  FROM ${PAIRS} WHERE live.relowner <> next.relowner`;

const grants = (side: 'live' | 'next') => `
SELECT next.oid, acl.grantee, acl.privilege_type, acl.is_grantable, '' AS "column"
  FROM ${PAIRS}, aclexplode(coalesce(${side}.relacl, acldefault('r', ${side}.relowner))) AS acl
UNION ALL
SELECT next.oid, acl.grantee, acl.privilege_type, acl.is_grantable, format(' (%I)', a.attname)
  FROM ${PAIRS} JOIN pg_attribute a ON a.attrelid = ${side}.oid AND a.attacl IS NOT NULL, aclexplode(a.attacl) AS acl`;

const role = `CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE grantee::regrole::text END`;

/** Of a table that differs everything is taken away first, with it what is granted for single columns. */
const PRIVILEGES = `
WITH live AS (${grants('live')}), next AS (${grants('next')}),
     differing AS (SELECT DISTINCT oid FROM ((TABLE live EXCEPT TABLE next) UNION (TABLE next EXCEPT TABLE live)) AS d)
SELECT statement FROM (
  SELECT DISTINCT 1 AS step, format('REVOKE ALL ON %s FROM %s', oid::regclass, ${role}) AS statement
    FROM next WHERE oid IN (TABLE differing)
  UNION ALL
  SELECT 2, format('GRANT %s ON %s TO %s%s', string_agg(privilege_type || "column", ', '), oid::regclass, ${role},
                   CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END)
    FROM live WHERE oid IN (TABLE differing) GROUP BY oid, grantee, is_grantable) AS steps
 ORDER BY step`;

const COMMENTS = `
SELECT format('COMMENT ON TABLE %s IS %L', next.oid::regclass, obj_description(live.oid, 'pg_class')) AS statement
  FROM ${PAIRS}
 WHERE obj_description(live.oid, 'pg_class') IS DISTINCT FROM obj_description(next.oid, 'pg_class')
UNION ALL
SELECT format('COMMENT ON COLUMN %s.%I IS %L', next.oid::regclass, l.attname, col_description(live.oid, l.attnum))
  FROM ${PAIRS}
  JOIN pg_attribute l ON l.attrelid = live.oid AND l.attnum > 0 AND NOT l.attisdropped
  JOIN pg_attribute n ON n.attrelid = next.oid AND n.attname = l.attname
 WHERE col_description(live.oid, l.attnum) IS DISTINCT FROM col_description(next.oid, n.attnum)`;

const options = (side: 'live' | 'next') => `
SELECT next.oid, split_part(option, '=', 1) AS name, substr(option, strpos(option, '=') + 1) AS value
  FROM ${PAIRS}, unnest(${side}.reloptions) AS option
UNION ALL
SELECT next.oid, 'toast.' || split_part(option, '=', 1), substr(option, strpos(option, '=') + 1)
  FROM ${PAIRS} JOIN pg_class toast ON toast.oid = ${side}.reltoastrelid, unnest(toast.reloptions) AS option`;

const STORAGE = `
WITH live AS (${options('live')}), next AS (${options('next')})
SELECT format('ALTER TABLE %s RESET (%s)', oid::regclass, name) AS statement
  FROM next WHERE (oid, name) NOT IN (SELECT oid, name FROM live)
UNION ALL
SELECT format('ALTER TABLE %s SET (%s = %L)', oid::regclass, name, value)
  FROM (TABLE live EXCEPT TABLE next) AS wanted`;

/** Indexes that no migration made: somebody needs them. */
const INDEXES = `
SELECT regexp_replace(pg_get_indexdef(i.indexrelid), ' ON ${READ_MODEL}\\.', ' ON ${NEXT}.') AS statement
  FROM ${PAIRS} JOIN pg_index i ON i.indrelid = live.oid JOIN pg_class c ON c.oid = i.indexrelid
 WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
   AND to_regclass(format('${NEXT}.%I', c.relname)) IS NULL`;

const LEFT_BEHIND = `
SELECT format('trigger %s on %s', t.tgname, live.oid::regclass) AS statement
  FROM ${PAIRS} JOIN pg_trigger t ON t.tgrelid = live.oid AND NOT t.tgisinternal
UNION ALL
SELECT format('%s in publication %s', live.oid::regclass, p.pubname)
  FROM ${PAIRS} JOIN pg_publication_rel r ON r.prrelid = live.oid JOIN pg_publication p ON p.oid = r.prpubid
UNION ALL
SELECT format('statistics %s on %s', s.stxname, live.oid::regclass)
  FROM ${PAIRS} JOIN pg_statistic_ext s ON s.stxrelid = live.oid
UNION ALL
SELECT format('replica identity of %s', live.oid::regclass)
  FROM ${PAIRS} WHERE live.relreplident <> next.relreplident`;

/**
 * Gives the tables that are about to go into use what an installation has set on those in use: owner, privileges, comments,
 * storage parameters, indexes of its own. Returns what it has besides, which stays with the old tables. Throws
 * RebuildRefused when this role may not.
 */
export async function carryOver(
  client: Client,
  tables: readonly string[],
  say: (text: string) => void,
): Promise<string[]> {
  // The owner first: privileges begin with his.
  for (const query of [OWNERS, PRIVILEGES, COMMENTS, STORAGE]) {
    for (const statement of await textsOf(client, query, tables)) await change(client, statement);
  }
  const indexes = await textsOf(client, INDEXES, tables);
  if (indexes.length > 0) say(`making indexes that this installation has added: ${indexes.length}`);
  await makeIndexes(client, indexes);
  return textsOf(client, LEFT_BEHIND, tables);
}

async function textsOf(client: Client, query: string, tables: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<[string]>({ text: query, values: [tables], rowMode: 'array' });
  return rows.map(([text]) => text);
}

async function change(client: Client, statement: string): Promise<void> {
  try {
    await client.query(statement);
  } catch (error) {
    throw new RebuildRefused(
      `The new tables cannot be made like those in use: ${statement}: ${(error as Error).message}. ` +
        'Run it as a role that may do that (--postgres): the owner of the read model, or a superuser.',
    );
  }
}
