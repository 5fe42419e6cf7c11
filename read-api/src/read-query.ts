import type { Query, QueryAnswer, QueryName, querySchemas } from '@parley/contracts';
import type { Principal } from '@parley/runtime';
import type { z } from 'zod';
import type { Snapshot } from './snapshot.ts';

/** A request to the read API after its parts have been checked. */
export interface QueryRequest<N extends QueryName> {
  params: z.output<(typeof querySchemas)[N]['params']>;
  query: Query<N>;
  principal: Principal;
}

/**
 * Answers one query from a snapshot. What it must read elsewhere it reads in the function that it gives back: that runs
 * when the snapshot's connection is free again, so that a slow log holds no connection to Postgres.
 */
export type ReadQuery<N extends QueryName> = (
  snapshot: Snapshot,
  request: QueryRequest<N>,
) => Promise<QueryAnswer<N> | (() => Promise<QueryAnswer<N>>)>;
