import { Client } from 'pg';

const PATIENCE_MS = 3_000;
const NO_SUCH_TABLE = '42P01';

/**
 * Sequences of the commits of one conversation that operators decided are never applied, in this log. Rejects when
 * Postgres does not answer.
 */
export async function skippedCommits(
  databaseUrl: string,
  { epoch, conversation }: { epoch: string; conversation: string },
): Promise<ReadonlySet<number>> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: 'parley-time-travel',
    connectionTimeoutMillis: PATIENCE_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ sequence: string }>(
      'SELECT sequence FROM parley_operators.skipped_commits WHERE epoch = $1 AND key = $2',
      [epoch, `conv.${conversation}`],
    );
    return new Set(rows.map(({ sequence }) => Number(sequence)));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === NO_SUCH_TABLE) return new Set();
    throw error;
  } finally {
    await client.end();
  }
}
