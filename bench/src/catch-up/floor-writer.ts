import type { Pool } from 'pg';
import { openPool } from '../frame/pool.ts';
import { answerCalls } from '../frame/worker.ts';

/** The floor: rows that are ready in memory, one `INSERT … SELECT FROM unnest` per batch, no logic. */
export interface PrepareOrder {
  /** A database that the projector has filled. */
  url: string;
  batchRows: number;
}

export interface WriteOrder {
  url: string;
  connections: number;
}

interface Batch {
  text: string;
  /** Text of each value, by column. */
  columns: (string | null)[][];
}

const SCHEMA = 'read_model';
/** Where the projector is, not what it has made. */
const LEFT_OUT = 'checkpoints';
/** Rows of a table in the order in which the log made them: that is how they meet the indexes in both. */
const LOG_ORDER = ['joined_sequence', 'sequence', 'created_at'];

let batches: Batch[] = [];

answerCalls({ prepare, write });

async function prepare({ url, batchRows }: PrepareOrder): Promise<{ rows: Record<string, number> }> {
  const pool = openPool(url);
  const counts: Record<string, number> = {};
  batches = [];
  try {
    const { rows: tables } = await pool.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1 AND table_name <> $2 ORDER BY 1`,
      [SCHEMA, LEFT_OUT],
    );
    for (const { name } of tables) counts[name] = await prepareTable(pool, name, batchRows);
  } finally {
    await pool.end();
  }
  return { rows: counts };
}

async function prepareTable(pool: Pool, table: string, batchRows: number): Promise<number> {
  const { rows: described } = await pool.query<{ name: string; type: string }>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a
      WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum`,
    [`${SCHEMA}.${table}`],
  );
  const names = described.map(({ name }) => name);
  const order = LOG_ORDER.find((column) => names.includes(column)) ?? names[0];
  const { rows } = await pool.query<(string | null)[]>({
    text: `SELECT ${names.map((name) => `${name}::text`).join(', ')} FROM ${SCHEMA}.${table} ORDER BY ${order}`,
    rowMode: 'array',
  });
  // Cast one by one: an array of arrays would be unnested into its innermost elements.
  const casts = described.map(({ type }, index) => `c${index}::${type}`).join(', ');
  const columns = described.map((_, index) => `c${index}`).join(', ');
  const values = described.map((_, index) => `$${index + 1}::text[]`).join(', ');
  const text = `INSERT INTO ${SCHEMA}.${table} (${names.join(', ')})
    SELECT ${casts} FROM unnest(${values}) AS rows (${columns})`;
  for (let from = 0; from < rows.length; from += batchRows) {
    const part = rows.slice(from, from + batchRows);
    batches.push({ text, columns: names.map((_, column) => part.map((row) => row[column] ?? null)) });
  }
  return rows.length;
}

async function write({ url, connections }: WriteOrder): Promise<{ seconds: number }> {
  const pool = openPool(url, connections);
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
  let next = 0;
  const begin = performance.now();
  try {
    await Promise.all(
      clients.map(async (client) => {
        for (let batch = batches[next++]; batch; batch = batches[next++]) {
          await client.query('BEGIN; SET LOCAL synchronous_commit = off');
          await client.query(batch.text, batch.columns);
          await client.query('COMMIT');
        }
      }),
    );
    return { seconds: (performance.now() - begin) / 1_000 };
  } finally {
    for (const client of clients) client.release();
    await pool.end();
  }
}
