import type { ClientBase } from 'pg';
import { sampledCondition } from './sample.ts';

/** A read model within one database, read inside its caller's transaction. */
export interface ReadModelSide {
  client: ClientBase;
  schema: string;
}

export interface DescribedTable {
  name: string;
  /** What a fold writes: no generated columns, and nothing that tells when it was written. */
  columns: readonly string[];
  /** Columns of the primary key, in its order. */
  key: readonly KeyColumn[];
}

export interface KeyColumn {
  name: string;
  type: string;
  /** Numbers are ordered by value, everything else by the bytes of its text. */
  numeric: boolean;
}

/** They say how far a fold has come and what it could not apply, not what the log holds. */
const NOT_COMPARED = ['checkpoints', 'dead_letters'];

/** Filled by the events of users; all others by those of conversations. */
const TABLES_OF_USERS = [
  'users',
  'user_conversations',
  'hidden_messages',
  'blocks',
  'devices',
  'scheduled_messages',
  'notification_reads',
  'reports',
];
const TOKEN = `split_part(aggregate, '.', 4)`;
const UNPADDED = `translate(substr(${TOKEN}, 2), '-_', '+/')`;
const AGGREGATE_ID = `CASE WHEN ${TOKEN} LIKE '~%'
  THEN convert_from(decode(${UNPADDED} || repeat('=', (4 - length(${UNPADDED}) % 4) % 4), 'base64'), 'UTF8')
  ELSE ${TOKEN} END`;

interface TableRow {
  name: string;
  columns: string[];
  key: string[] | null;
  types: string[];
}

const TABLES = `
SELECT name, array_agg(col ORDER BY attnum) AS columns,
       array_agg(col ORDER BY place) FILTER (WHERE place IS NOT NULL) AS key,
       array_agg(type ORDER BY place) FILTER (WHERE place IS NOT NULL) AS types
  FROM (SELECT c.relname::text AS name, a.attname::text AS col, a.attnum, a.atttypid::regtype::text AS type,
               array_position(i.indkey::int2[], a.attnum) AS place
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
          LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
         WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relkind = 'r' AND c.relname <> ALL ($2)
       ) AS described
 GROUP BY name ORDER BY name COLLATE "C"`;

/** Every table of a read model that a fold fills, in the order of their names. Throws when one has no primary key. */
export async function describeTables({ client, schema }: ReadModelSide): Promise<DescribedTable[]> {
  const { rows } = await client.query<TableRow>(TABLES, [schema, NOT_COMPARED]);
  return rows.map(({ name, columns, key, types }) => {
    if (key === null) throw new Error(`${schema}.${name} has no primary key: its rows cannot be compared`);
    return { name, columns, key: key.map((column, place) => keyColumn(column, types[place] ?? 'text')) };
  });
}

function keyColumn(name: string, type: string): KeyColumn {
  return { name, type, numeric: /int|numeric/.test(type) };
}

/** All that is compared of a row, as one SQL text. */
export function rowText({ columns }: DescribedTable): string {
  return `ROW(${columns.map(quoted).join(', ')})::text`;
}

/** `"schema"."table"`, and the sampled rows' condition when not all are. */
export function sourceOf(table: string, schema: string, percent: number): string {
  const condition = sampledCondition(ownerOf(table), percent);
  const from = `${quoted(schema)}.${quoted(table)}`;
  return condition === null ? from : `${from} WHERE ${condition}`;
}

function ownerOf(table: string): string {
  if (table === 'command_results') return AGGREGATE_ID;
  if (isOfUsers(table)) return 'user_id';
  return table === 'conversations' ? 'id::text' : 'conversation_id::text';
}

/** Whether its rows are made by the events of the user in `user_id`. */
export function isOfUsers(table: string): boolean {
  return TABLES_OF_USERS.includes(table);
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
