import type { ClientBase } from 'pg';

/** For each index that is being made: what a million rows are sorted for fits into it. */
const MEMORY = '128MB';
/** In Postgres' own list of relations; or of the rows of the table, and then again. */
const UNIQUE_VIOLATION = '23505';

/**
 * Takes away what the load does without and returns it as statements, those first that take longest; primary keys stay,
 * the fold looks rows up by them.
 */
export async function takeIndexes(client: ClientBase, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
       FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
      WHERE c.relnamespace = to_regnamespace($1)
        AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
      ORDER BY a.amname = 'gin' DESC, c.relname DESC`,
    [schema],
  );
  for (const { name } of rows) await client.query(`DROP INDEX ${name}`);
  return rows.map(({ definition }) => definition);
}

/**
 * Makes the indexes that are not there yet, one after another; `onIndex` is told of each that is there. Several clients
 * may take theirs from one iterator.
 */
export async function makeIndexes(
  client: ClientBase,
  definitions: Iterable<string>,
  onIndex: () => void = () => {},
): Promise<void> {
  await client.query(`SET maintenance_work_mem = '${MEMORY}'`);
  for (const definition of definitions) {
    // A run that was killed may have made some of them; and the session of one that Postgres has not yet seen the end of
    // may be making this one: the statement waits for it and then fails, once.
    const statement = definition.replace(/^CREATE (UNIQUE )?INDEX /, 'CREATE $1INDEX IF NOT EXISTS ');
    await client.query(statement).catch(async (error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === UNIQUE_VIOLATION)) throw error;
      await client.query(statement);
    });
    onIndex();
  }
}
