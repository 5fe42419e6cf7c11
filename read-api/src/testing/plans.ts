import type { Pool, PoolClient } from 'pg';
import { inSnapshot, type Snapshot } from '../snapshot.ts';

interface Statement {
  text: string;
  values: unknown[];
}

/**
 * How the server runs each statement of a query: planned for its values, and as it plans a statement that it has prepared
 * and knows no values of.
 */
export async function plansOf(
  pool: Pool,
  query: (snapshot: Snapshot) => Promise<unknown>,
): Promise<string[]> {
  const plans: string[] = [];
  for (const { text, values } of await statementsOf(pool, query)) {
    const client = await pool.connect();
    const literals = values.map((value) => literalOf(client, value));
    await client.query(`prepare statement as ${text}`);
    for (const mode of ['force_custom_plan', 'force_generic_plan']) {
      await client.query(`set plan_cache_mode = ${mode}`);
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(
        `explain (analyze, timing off) execute statement(${literals.join(', ')})`,
      );
      plans.push([mode, ...rows.map((row) => row['QUERY PLAN'])].join('\n'));
    }
    // Not given back: it keeps the statement and the setting.
    client.release(true);
  }
  return plans;
}

function literalOf(client: PoolClient, value: unknown): string {
  if (value === null) return 'null';
  if (!Array.isArray(value)) return client.escapeLiteral(String(value));
  return client.escapeLiteral(`{${value.map((each) => JSON.stringify(each)).join(',')}}`);
}

async function statementsOf(
  pool: Pool,
  query: (snapshot: Snapshot) => Promise<unknown>,
): Promise<Statement[]> {
  const statements: Statement[] = [];
  await inSnapshot(pool, ({ client, asOf }) => {
    const watched: PoolClient = Object.create(client, {
      query: {
        value: (statement: Statement) => {
          statements.push(statement);
          return client.query(statement.text, statement.values);
        },
      },
    });
    return query({ client: watched, asOf });
  });
  if (statements.length === 0) throw new Error('the query sent no statement');
  return statements;
}
