import {
  type CommandAccepted,
  type CommandInput,
  type CommandType,
  HEADERS,
  type Problem,
  parsePosition,
  type QueryAnswer,
  type QueryName,
} from '@parley/contracts';
import { uuidv7 } from 'uuidv7';
import type { SocketConstructor } from './connection.ts';
import type { SubscriptionItem } from './connection-model.ts';
import { Outbox } from './outbox/outbox.ts';
import type { OutboxEntry } from './outbox/outbox-state.ts';
import type { OutboxStore } from './outbox/stored-entries.ts';
import { ParleyError } from './parley-error.ts';
import { type QueryParameters, type QueryRequest, queryPath } from './query-path.ts';
import { type RequestOptions, requestOnce, requestUntilAnswered } from './request.ts';
import { type SubscribeOptions, Subscription } from './subscription.ts';

export interface ClientOptions {
  /** Base URLs of the two HTTP services; may be the same. */
  commandApi: string;
  readApi: string;
  /** `ws://…/v1/socket` */
  gateway: string;
  /** Asked for every request and connection: cache in it. */
  token: () => Promise<string> | string;
  device?: string;
  /** The platform's own unless given; Node before 22 has none. */
  WebSocket?: SocketConstructor;
  fetch?: typeof globalThis.fetch;
  /** Where commands that wait for the network outlive the process; in memory unless given. Read at once. */
  outboxStore?: OutboxStore;
}

export interface CommandOptions extends RequestOptions {
  /** UUIDv7 that stands for this one intent; give it again to repeat it after a crash. */
  key?: string;
}

export interface QueryOptions extends RequestOptions {
  /** The answer reflects at least this position; unless told, that of this client's own commands. null = do not wait. */
  minPosition?: string | null;
}

export interface BatchCommand<T extends CommandType = CommandType> {
  type: T;
  data: CommandInput<T>;
  key?: string;
}

export type BatchAnswer = { status: 200; body: CommandAccepted } | { status: number; body: Problem };

/** One user's view of one Parley. Holds no connection until `subscribe`. */
export class ParleyClient {
  readonly #options: ClientOptions;
  readonly #fetch: typeof globalThis.fetch;
  #outbox: Outbox | null = null;
  #ownPosition: string | null = null;

  constructor(options: ClientOptions) {
    this.#options = options;
    // The browser's fetch insists on being called on its own object.
    this.#fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    // What an earlier run of the application left behind is sent without being asked for.
    if (options.outboxStore) this.#outbox = this.#openOutbox();
  }

  /** Commands that may wait for the network: `command` ends with a time, these with an answer. */
  get outbox(): Outbox {
    this.#outbox ??= this.#openOutbox();
    return this.#outbox;
  }

  #openOutbox(): Outbox {
    const post = (entry: OutboxEntry, signal: AbortSignal) => this.#postOnce(entry, signal);
    return new Outbox({ post, store: this.#options.outboxStore });
  }

  /** Position of the newest commit that this client's own commands made. */
  get ownPosition(): string | null {
    return this.#ownPosition;
  }

  /** Resolves once the command is in the log, exactly once however often it had to be sent. Throws ParleyError. */
  async command<T extends CommandType>(
    type: T,
    data: CommandInput<T>,
    { key = uuidv7(), ...limits }: CommandOptions = {},
  ): Promise<CommandAccepted<T>> {
    const headers = { [HEADERS.idempotencyKey]: key };
    const accepted = (await this.#post(`/v1/commands/${type}`, data, headers, limits)) as CommandAccepted<T>;
    this.#remember(accepted.position);
    return accepted;
  }

  /** Up to 100 commands in one request; one answer each, in order. A refused one does not stop the others. */
  async commands(batch: readonly BatchCommand[], limits: RequestOptions = {}): Promise<BatchAnswer[]> {
    const items = batch.map(({ key = uuidv7(), type, data }) => ({ key, type, data }));
    const answer = (await this.#post('/v1/commands', items, {}, limits)) as { items: BatchAnswer[] };
    for (const { body } of answer.items) if ('position' in body) this.#remember(body.position);
    return answer.items;
  }

  createConversation(data: CommandInput<'conversation.create'>, options?: CommandOptions) {
    return this.command('conversation.create', data, options);
  }

  join(conversationId: string, options?: CommandOptions) {
    return this.command('conversation.join', { conversationId }, options);
  }

  leave(conversationId: string, options?: CommandOptions) {
    return this.command('conversation.leave', { conversationId }, options);
  }

  send(
    conversationId: string,
    body: string,
    options: CommandOptions & Omit<CommandInput<'message.send'>, 'conversationId' | 'body'> = {},
  ) {
    const { key, signal, timeoutMs, ...rest } = options;
    const command = { ...(key && { key }), ...(signal && { signal }), ...(timeoutMs && { timeoutMs }) };
    return this.command('message.send', { conversationId, body, ...rest }, command);
  }

  /** Moves the user's own read cursor forward to a message. */
  read(conversationId: string, ordinal: number, options?: CommandOptions) {
    return this.command('messages.read', { conversationId, ordinal }, options);
  }

  /** Any query of the read API by its name. Throws ParleyError. */
  async query<N extends QueryName>(
    name: N,
    request: QueryRequest<N>,
    { minPosition = this.#ownPosition, ...limits }: QueryOptions = {},
  ): Promise<QueryAnswer<N>> {
    const headers: Record<string, string> =
      minPosition === null ? {} : { [HEADERS.minPosition]: minPosition };
    const get = { method: 'GET' as const, url: this.#options.readApi + queryPath(name, request), headers };
    return (await requestUntilAnswered(this.#sender(), get, limits)).body as QueryAnswer<N>;
  }

  inbox(query: QueryParameters<'inbox'> = {}, options?: QueryOptions) {
    return this.query('inbox', { query }, options);
  }

  unread(options?: QueryOptions) {
    return this.query('unread', {}, options);
  }

  conversation(conversationId: string, options?: QueryOptions) {
    return this.query('conversation', { params: { conversationId } }, options);
  }

  members(conversationId: string, query: QueryParameters<'members'> = {}, options?: QueryOptions) {
    return this.query('members', { params: { conversationId }, query }, options);
  }

  messages(conversationId: string, query: QueryParameters<'messages'> = {}, options?: QueryOptions) {
    return this.query('messages', { params: { conversationId }, query }, options);
  }

  /** Everything the user may see as it happens, or since a position; see SPEC.md. Starts when it is iterated. Throws ParleyError `unsupported` without a WebSocket. */
  subscribe(options: SubscribeOptions = {}): Subscription {
    const { gateway, token, device } = this.#options;
    const WebSocket = this.#options.WebSocket ?? platformWebSocket();
    const environment = {
      gateway,
      token,
      WebSocket,
      heard: (item: SubscriptionItem) => this.#outbox?.heard(item),
      cameLive: () => this.#outbox?.online(),
      ...(device !== undefined && { device }),
    };
    return new Subscription(environment, options);
  }

  async #postOnce({ key, type, data }: OutboxEntry, signal: AbortSignal): Promise<CommandAccepted> {
    const headers = { [HEADERS.idempotencyKey]: key };
    const request = this.#commandRequest(`/v1/commands/${type}`, data, headers);
    const accepted = (await requestOnce(this.#sender(), request, signal)).body as CommandAccepted;
    this.#remember(accepted.position);
    return accepted;
  }

  async #post(path: string, data: unknown, headers: Record<string, string>, limits: RequestOptions) {
    const request = this.#commandRequest(path, data, headers);
    return (await requestUntilAnswered(this.#sender(), request, limits)).body;
  }

  #commandRequest(path: string, data: unknown, headers: Record<string, string>) {
    return {
      method: 'POST' as const,
      url: this.#options.commandApi + path,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(data),
    };
  }

  #sender() {
    return { fetch: this.#fetch, token: this.#options.token };
  }

  /** Answers may come back in another order than their commits; positions of another epoch replace the old ones. */
  #remember(text: string): void {
    const next = parsePosition(text);
    const own = this.#ownPosition === null ? null : parsePosition(this.#ownPosition);
    if (next && (!own || own.epoch !== next.epoch || own.sequence < next.sequence)) this.#ownPosition = text;
  }
}

export function createClient(options: ClientOptions): ParleyClient {
  return new ParleyClient(options);
}

function platformWebSocket(): SocketConstructor {
  const { WebSocket } = globalThis as { WebSocket?: SocketConstructor };
  if (WebSocket) return WebSocket;
  const detail = 'this platform has no WebSocket: pass one to createClient, for example of `ws`';
  throw new ParleyError({ code: 'unsupported', status: 0, detail });
}
