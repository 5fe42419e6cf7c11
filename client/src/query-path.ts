import { type Query, type QueryInput, type QueryName, querySchemas } from '@parley/contracts';

type NamesIn<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | NamesIn<Rest>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

type ParamNames<N extends QueryName> = NamesIn<(typeof querySchemas)[N]['path']>;

/** What a query takes as its values are meant: numbers and booleans, where the URL has text. */
export type QueryParameters<N extends QueryName> = {
  [K in keyof QueryInput<N>]: K extends keyof Query<N> ? Query<N>[K] | undefined : never;
};

/** The ids in a query's path and its parameters; what has a default, or is not there, may be left out. */
export type QueryRequest<N extends QueryName> = ([ParamNames<N>] extends [never]
  ? { params?: Record<never, never> }
  : { params: Record<ParamNames<N>, string> }) &
  (Record<never, never> extends QueryInput<N>
    ? { query?: QueryParameters<N> }
    : { query: QueryParameters<N> });

/** Path and search of a query's URL. Parameters that are undefined are left out. */
export function queryPath<N extends QueryName>(name: N, request: QueryRequest<N>): string {
  const params = (request.params ?? {}) as Readonly<Record<string, string>>;
  const path = querySchemas[name].path.replaceAll(/:(\w+)/g, (_, key: string) =>
    encodeURIComponent(params[key] ?? ''),
  );
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) search.set(key, String(value));
  }
  // `size` is newer than the oldest browsers of P7.
  const text = search.toString();
  return text === '' ? path : `${path}?${text}`;
}
