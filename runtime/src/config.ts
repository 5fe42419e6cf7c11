import { inspect } from 'node:util';
import { z } from 'zod';

/** One environment variable: what it is, what it may hold, what holds when it is not set. */
export interface Variable<T> {
  env: string;
  description: string;
  /** Parses the text of the variable; `.describe()` says in words what is expected. */
  schema: z.ZodType<T>;
  /** Text used when the variable is unset. Without one the variable is required, unless its schema takes undefined. */
  default?: string;
  secret?: true;
  /** A value that would do, for the message about one that does not. The default serves when there is none. */
  example?: string;
  /** Why this value is not acceptable beside the others; undefined = it is. */
  refuse?(value: T, all: Readonly<Record<string, unknown>>): string | undefined;
}

export type Variables = Record<string, Variable<unknown>>;

export type Config<V extends Variables> = {
  readonly [K in keyof V]: V[K] extends Variable<infer T> ? T : never;
};

type Environment = Record<string, string | undefined>;

/** Names every variable that is missing or wrong, so that one start shows all of them. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length} problem(s):\n${problems.map((p) => `  ${p}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/**
 * The frozen configuration that the environment describes. An empty variable counts as unset. Throws `ConfigError`
 * with every problem at once. Printing or serialising the result shows secrets as `***`.
 */
export function loadConfig<V extends Variables>(variables: V, env: Environment = process.env): Config<V> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  const accepted: [string, Variable<unknown>][] = [];
  for (const [key, variable] of Object.entries(variables)) {
    const text = env[variable.env] || variable.default;
    const parsed = variable.schema.safeParse(text);
    if (parsed.success) {
      values[key] = parsed.data;
      accepted.push([key, variable]);
    } else problems.push(explain(variable, text));
  }
  for (const [key, variable] of accepted) {
    const reason = variable.refuse?.(values[key], values);
    if (reason !== undefined) problems.push(`${variable.env}: ${reason}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return guardSecrets(variables, values) as Config<V>;
}

/** For the first line of a process: the configuration, or the list of problems on stderr and exit code 1. */
export function loadConfigOrExit<V extends Variables>(variables: V): Config<V> {
  try {
    return loadConfig(variables);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

export interface VariableRow {
  env: string;
  type: string;
  /** null = required. */
  default: string | null;
  description: string;
  secret: boolean;
}

/** The rows of the reference table in the docs, in declared order. */
export function describeVariables(variables: Variables): VariableRow[] {
  return Object.values(variables).map((variable) => ({
    env: variable.env,
    type: expected(variable),
    default: variable.default ?? (variable.schema.safeParse(undefined).success ? '' : null),
    description: variable.description,
    secret: variable.secret === true,
  }));
}

function explain(variable: Variable<unknown>, text: string | undefined): string {
  const example = variable.example ?? variable.default;
  const hint = example ? `, for example ${variable.env}=${example}` : '';
  const want = `expected ${expected(variable)}${hint}`;
  if (text === undefined) return `${variable.env} is missing: ${want}`;
  const shown = variable.secret ? 'its value (hidden)' : JSON.stringify(maskCredentials(text.slice(0, 200)));
  return `${variable.env} is wrong: ${shown} does not fit, ${want}`;
}

function expected(variable: Variable<unknown>): string {
  if (variable.schema.description) return variable.schema.description;
  const { enum: options, type } = z.toJSONSchema(variable.schema, { io: 'input', unrepresentable: 'any' });
  if (options) return options.join(' | ');
  return typeof type === 'string' ? type : 'text';
}

const CREDENTIALS = /\/\/[^\s/"']+@/g;

/** The text with the user and password of every URL in it hidden. */
export function maskCredentials(text: string): string {
  return text.includes('@') ? text.replace(CREDENTIALS, '//***@') : text;
}

/** Secrets stay readable by name, but never leave through JSON, a log line or an inspected object. */
function guardSecrets(variables: Variables, values: Record<string, unknown>): object {
  const masked = () =>
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => [
        key,
        variables[key]?.secret && value !== undefined ? '***' : value,
      ]),
    );
  Object.defineProperties(values, { toJSON: { value: masked }, [inspect.custom]: { value: masked } });
  for (const value of Object.values(values)) Object.freeze(value);
  return Object.freeze(values);
}
