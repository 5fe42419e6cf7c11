import {
  type CommandAccepted,
  type CommandInput,
  type CommandType,
  type ErrorCode,
  HEADERS,
  type Problem,
} from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import type { ServiceToken } from './service-token.ts';

const TIMEOUT_MS = 10_000;
const LATER: ReadonlySet<string> = new Set<ErrorCode>(['slow-mode', 'contention']);

/**
 * What the command API said. `refused` will not change by repeating it; `later` concerns this command only (slow mode, too
 * many writers). Everything else is thrown: it would meet the next command as well.
 */
type Reply<T extends CommandType> =
  | { kind: 'accepted'; result: CommandAccepted<T>['result'] }
  | { kind: 'refused'; problem: Problem }
  | { kind: 'later'; retryAfterMs: number };

export type SendCommand = <T extends CommandType>(type: T, data: CommandInput<T>) => Promise<Reply<T>>;

/** Sends commands with this process's own token. Each has a new key: what must not happen twice is in its data. */
export function commandSender(commandApiUrl: string, token: ServiceToken): SendCommand {
  return async <T extends CommandType>(type: T, data: CommandInput<T>): Promise<Reply<T>> => {
    const response = await fetch(new URL(`/v1/commands/${type}`, commandApiUrl), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await token.get(Date.now())}`,
        'content-type': 'application/json',
        [HEADERS.idempotencyKey]: uuidv7(),
      },
      body: JSON.stringify(data),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body: unknown = await response.json();
    if (response.ok) return { kind: 'accepted', result: (body as CommandAccepted<T>).result };
    const problem = body as Problem;
    if (LATER.has(problem.code)) return { kind: 'later', retryAfterMs: problem.retryAfterMs ?? 1_000 };
    if (response.status === 401) token.forget();
    if (response.status === 401 || response.status === 429 || response.status >= 500) {
      throw new Error(`${type}: the command API answered ${response.status} ${problem.code}`);
    }
    return { kind: 'refused', problem };
  };
}
