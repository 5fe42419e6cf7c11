import type { ClientBase } from 'pg';

/** Makes what a million rows are sorted for fit into memory. */
const MEMORY = '256MB';

/** Takes away what the load does without and returns it as statements; primary keys stay, the fold looks rows up by them. */
export async function takeIndexes(client: ClientBase, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
       FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE c.relnamespace = to_regnamespace($1)
        AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
      ORDER BY pg_relation_size(i.indrelid), c.relname`,
    [schema],
  );
  for (const { name } of rows) await client.query(`DROP INDEX ${name}`);
  return rows.map(({ definition }) => definition);
}

/** Makes the indexes that are not there yet, one after another; `onIndex` is told of each before it is made. */
export async function makeIndexes(
  client: ClientBase,
  definitions: readonly string[],
  onIndex: (done: number) => void = () => {},
): Promise<void> {
  await client.query(`SET maintenance_work_mem = '${MEMORY}'`);
  for (const [done, definition] of definitions.entries()) {
    onIndex(done);
    // A run that was killed may have made some of them.
    await client.query(definition.replace(/^CREATE (UNIQUE )?INDEX /, 'CREATE $1INDEX IF NOT EXISTS '));
  }
}
