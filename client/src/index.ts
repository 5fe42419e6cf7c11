export {
  type BatchAnswer,
  type BatchCommand,
  type ClientOptions,
  type CommandOptions,
  createClient,
  ParleyClient,
  type QueryOptions,
} from './client.ts';
export type { SocketConstructor, SocketLike } from './connection.ts';
export type { Freshness, SubscriptionItem } from './connection-model.ts';
export { type ClientErrorCode, ParleyError } from './parley-error.ts';
export type { RequestOptions } from './request.ts';
export { type PositionStore, type SubscribeOptions, Subscription } from './subscription.ts';
