import { pipeline } from 'node:stream/promises';
import type { Pool, PoolClient } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { openPool } from '../frame/pool.ts';
import { answerCalls } from '../frame/worker.ts';

/** The floor: `COPY` of rows that are ready in memory into tables without any index, then keys, indexes, statistics. */
interface PrepareOrder {
  /** A database that the projector has filled. */
  url: string;
}

export interface CopyOrder {
  /** One with the same tables, empty. */
  url: string;
  connections: number;
}

export interface CopyTimes {
  loadSeconds: number;
  indexSeconds: number;
}

interface Copy {
  text: string;
  chunks: Buffer[];
}

const SCHEMA = 'read_model';
/** Where the projector is, not what it has made. */
const LEFT_OUT = ['checkpoints', 'dead_letters'];
/** Rows of a table in the order in which the log made them: that is how they meet the indexes in both. */
const LOG_ORDER = ['joined_sequence', 'sequence', 'created_at'];
/** One statement's share of a table: several connections can take part in one table. */
const SHARE_BYTES = 8 * 1024 * 1024;
/** As a rebuild has it. */
const INDEX_MEMORY = '128MB';

let copies: Copy[] = [];
/** The largest first. */
let tables: string[] = [];

answerCalls({ prepare, write });

async function prepare({ url }: PrepareOrder): Promise<{ bytes: number }> {
  const pool = openPool(url);
  copies = [];
  try {
    const { rows } = await pool.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1 AND table_name <> ALL ($2)
        ORDER BY pg_relation_size(format('%I.%I', table_schema, table_name)::regclass) DESC`,
      [SCHEMA, LEFT_OUT],
    );
    tables = rows.map(({ name }) => name);
    for (const table of tables) await readTable(pool, table);
  } finally {
    await pool.end();
  }
  return { bytes: copies.flatMap(({ chunks }) => chunks).reduce((sum, { length }) => sum + length, 0) };
}

async function readTable(pool: Pool, table: string): Promise<void> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute
      WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`,
    [`${SCHEMA}.${table}`],
  );
  const names = rows.map(({ name }) => name);
  const order = LOG_ORDER.find((column) => names.includes(column)) ?? names[0];
  const columns = names.map((name) => `"${name}"`).join(', ');
  const text = `COPY ${SCHEMA}.${table} (${columns}) FROM STDIN`;
  const client = await pool.connect();
  try {
    const ordered = `SELECT ${columns} FROM ${SCHEMA}.${table} ORDER BY ${order}`;
    let chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of client.query(copyTo(`COPY (${ordered}) TO STDOUT`)) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      // Only a row's end is a newline: those in texts are escaped.
      const end = bytes < SHARE_BYTES ? 0 : chunk.lastIndexOf('\n') + 1;
      if (end > 0) {
        copies.push({ text, chunks: [...chunks, chunk.subarray(0, end)] });
        chunks = [];
        bytes = chunk.length - end;
      }
      chunks.push(chunk.subarray(end));
    }
    if (bytes > 0) copies.push({ text, chunks });
  } finally {
    client.release();
  }
}

async function write({ url, connections }: CopyOrder): Promise<CopyTimes> {
  const pool = openPool(url, connections);
  try {
    const statements = await takeIndexes(pool);
    const began = performance.now();
    await sideBySide(pool, connections, copies, copyOne);
    const loaded = performance.now();
    await sideBySide(pool, connections, statements, async (client, statement) => {
      await client.query(`SET maintenance_work_mem = '${INDEX_MEMORY}'`);
      await client.query(statement);
    });
    await sideBySide(pool, connections, tables, async (client, table) => {
      await client.query(`ANALYZE ${SCHEMA}.${table}`);
    });
    return { loadSeconds: (loaded - began) / 1_000, indexSeconds: (performance.now() - loaded) / 1_000 };
  } finally {
    await pool.end();
  }
}

async function copyOne(client: PoolClient, { text, chunks }: Copy): Promise<void> {
  await client.query('SET synchronous_commit = off');
  await pipeline(chunks, client.query(copyFrom(text)));
}

async function sideBySide<T>(
  pool: Pool,
  connections: number,
  jobs: readonly T[],
  work: (client: PoolClient, job: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const run = async () => {
    const client = await pool.connect();
    try {
      for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) await work(client, job);
    } finally {
      client.release();
    }
  };
  await Promise.all(Array.from({ length: connections }, run));
}

/** Drops keys and indexes and returns the statements that make them, those of the largest tables first. */
async function takeIndexes(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ drop: string; make: string }>(
    `SELECT CASE WHEN k.oid IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
                 ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, k.conname) END AS drop,
            pg_get_indexdef(i.indexrelid) AS make
       FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
       LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid
      WHERE c.relnamespace = $1::regnamespace AND i.indrelid::regclass::text <> ALL ($2)
      ORDER BY a.amname = 'gin' DESC, pg_relation_size(i.indrelid) DESC`,
    [SCHEMA, LEFT_OUT.map((table) => `${SCHEMA}.${table}`)],
  );
  for (const { drop } of rows) await pool.query(drop);
  return rows.map(({ make }) => make);
}
