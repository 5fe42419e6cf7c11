import {
  type CommandAccepted,
  type ErrorCode,
  HEADERS,
  type Problem,
  parsePosition,
} from '@parley/contracts';
import { Unavailable } from '../run-command.ts';
import { type Attempts, askUntilDefinite, isRetryable, problemOf } from './ask-again.ts';
import type { Http, HttpAnswer, HttpRequest } from './http.ts';
import type { Step, Turn } from './script.ts';
import type { Tokens } from './tokens.ts';

export type StepAnswer =
  /** `ordinal`: of the message that was sent, or of the cursor that holds. */
  | { kind: 'accepted'; replayed: boolean; sequence: number; ordinal: number | undefined }
  | { kind: 'refused'; code: ErrorCode; detail: string };

/** Gives tokens of people, and is told when one was refused because it has expired. */
export type TokenSource = Pick<Tokens, 'of' | 'forget'>;

export interface SenderOptions {
  commandApi: string;
  http: Http;
  tokens: TokenSource;
  attempts: Attempts;
  /** Told of each request that was answered, with its time from first byte out to last byte in, in milliseconds. */
  answered(durationMs: number): void;
  signal?: AbortSignal | undefined;
}

/** Takes a turn through the public HTTP API; every command is repeated with its own key until its answer is definite. */
export class CommandSender {
  readonly #options: SenderOptions;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  async send({ actor, steps }: Turn): Promise<StepAnswer[]> {
    const answers: StepAnswer[] = [];
    while (answers.length < steps.length) {
      const rest = steps.slice(answers.length);
      const [only] = rest;
      if (rest.length === 1 && only) answers.push(await this.#sendOne(actor, only));
      else answers.push(...(await this.#sendBatch(actor, rest)));
    }
    return answers;
  }

  async #sendOne(actor: string, { key, type, data }: Step): Promise<StepAnswer> {
    const url = `${this.#options.commandApi}/v1/commands/${type}`;
    const { status, json } = await this.#ask(actor, {
      method: 'POST',
      url,
      headers: { [HEADERS.idempotencyKey]: key },
      body: data,
    });
    return readAnswer(status, json);
  }

  /**
   * The answers up to the first that is not definite: whatever came after it was decided without it, so it is asked
   * again, which does no harm.
   */
  async #sendBatch(actor: string, steps: Step[]): Promise<StepAnswer[]> {
    const url = `${this.#options.commandApi}/v1/commands`;
    const body = steps.map(({ key, type, data }) => ({ key, type, data }));
    const { status, json } = await this.#ask(actor, { method: 'POST', url, body });
    if (status !== 200)
      throw new Unavailable(`${url} refused a whole batch: ${status} ${JSON.stringify(json)}`);
    const { items } = json as { items: { status: number; body: unknown }[] };
    const open = items.findIndex(
      (item) => item.status !== 200 && isRetryable(item.status, problemOf(item.body)),
    );
    const definite = items.slice(0, open === -1 ? items.length : open);
    if (definite.length > 0) return definite.map((item) => readAnswer(item.status, item.body));
    // The first is open: alone it goes the patient way.
    const [first] = steps;
    return first ? [await this.#sendOne(actor, first)] : [];
  }

  async #ask(actor: string, request: HttpRequest): Promise<HttpAnswer> {
    const { http, tokens, attempts, answered, signal } = this.#options;
    const prepare = async (previous: HttpAnswer | null): Promise<HttpRequest> => {
      if (previous?.status === 401) tokens.forget(actor);
      const authorization = `Bearer ${await tokens.of(actor)}`;
      return { ...request, headers: { ...request.headers, authorization } };
    };
    const timed: Http = async (prepared) => {
      const started = performance.now();
      const answer = await http(prepared);
      if (answer.status < 429) answered(performance.now() - started);
      return answer;
    };
    return askUntilDefinite(timed, prepare, attempts, signal);
  }
}

function readAnswer(status: number, json: unknown): StepAnswer {
  if (status === 200) {
    const { position, replayed, result } = json as CommandAccepted;
    const sequence = parsePosition(position)?.sequence;
    if (sequence === undefined)
      throw new Unavailable(`an answer without a position: ${JSON.stringify(json)}`);
    const ordinal = 'ordinal' in result ? result.ordinal : undefined;
    return { kind: 'accepted', replayed, sequence, ordinal };
  }
  const problem = problemOf(json);
  if (!problem) throw new Unavailable(`neither an answer nor a problem: ${status} ${JSON.stringify(json)}`);
  return { kind: 'refused', code: problem.code, detail: detailOf(problem) };
}

function detailOf({ errors, detail, title }: Problem): string {
  const fault = errors?.[0];
  // In a batch faults are named by the item, which says nothing here.
  return fault ? `${fault.path.replace(/^\d+\.data\./, '')} ${fault.message}` : (detail ?? title);
}
