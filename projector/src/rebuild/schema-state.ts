import type { ClientBase } from 'pg';
import { READ_MODEL } from '../read-model.ts';

export { READ_MODEL };
/** The read model that is being built. */
export const NEXT = 'read_model_next';
/** The one that was in use before the last switch. */
export const PREVIOUS = 'read_model_previous';

export type Phase = 'load' | 'index' | 'catch-up';

/** Of a read model that is being built: the comment of its schema. */
export interface NextState {
  phase: Phase;
  /** Of the build whose migrations made it. */
  shape: string;
  epoch: string;
  startedAt: string;
  /** `previous`: it was in use before, and only catches up. */
  source: 'log' | 'archive' | 'previous';
  /** Indexes that the load does without, as statements. */
  indexes: readonly string[];
  /** The only tables to exchange, when not all. */
  only?: readonly string[];
  /** Of tables that were in use before: when they were replaced. */
  replacedAt?: string;
  /** They were not what the log says when they were replaced. */
  differed?: boolean;
}

/** Of a read model that was replaced. */
export interface PreviousState {
  shape: string;
  epoch: string;
  switchedAt: string;
  keepUntil: string;
  /** The tables that were exchanged, when not all: a rollback exchanges the same. */
  only?: readonly string[];
  /** They were not what the log says; unknown when they were not compared. */
  differed?: boolean;
}

/** What a schema's comment says; null = there is no such schema. One without a comment of ours is an empty object. */
export async function readState<State>(client: ClientBase, schema: string): Promise<Partial<State> | null> {
  const { rows } = await client.query<{ comment: string | null }>(
    "SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = $1",
    [schema],
  );
  const [row] = rows;
  if (!row) return null;
  try {
    const state: unknown = JSON.parse(row.comment ?? '{}');
    return typeof state === 'object' && state !== null ? (state as Partial<State>) : {};
  } catch {
    return {};
  }
}

export async function writeState(
  client: ClientBase,
  schema: string,
  state: NextState | PreviousState,
): Promise<void> {
  // COMMENT takes a literal and no parameter.
  await client.query(`COMMENT ON SCHEMA ${schema} IS ${client.escapeLiteral(JSON.stringify(state))}`);
}

/** Names of a schema's tables, sorted. */
export async function tablesOf(client: ClientBase, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
      WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p') ORDER BY relname`,
    [schema],
  );
  return rows.map(({ name }) => name);
}
