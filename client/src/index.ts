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
export type { Feed, Freshness, SubscriptionItem, TypingSignal } from './connection-model.ts';
export type { InboxContent, InboxRow, MessagesContent } from './live/contents.ts';
export { type ConnectionStatus, createLive, Live } from './live/live.ts';
export type { Presences } from './live/live-presence.ts';
export type { MessageRow } from './live/message-rows.ts';
export type { Shown, View } from './live/view.ts';
export type { Viewer } from './model/commit-facts.ts';
export {
  applyToConversation,
  type ConversationModel,
  conversationModel,
  type StaleField,
} from './model/conversation.ts';
export { applyToInbox, type InboxModel, inboxModel } from './model/inbox.ts';
export { applyToMembers, type MembersModel, membersModel } from './model/members.ts';
export { applyToMessages, type MessagesModel, messagesModel } from './model/messages.ts';
export type { Outbox, SentCommand } from './outbox/outbox.ts';
export type { CommandFault, OutboxEntry } from './outbox/outbox-state.ts';
export type { OutboxStore } from './outbox/stored-entries.ts';
export { type ClientErrorCode, ParleyError } from './parley-error.ts';
export type { QueryParameters, QueryRequest } from './query-path.ts';
export type { RequestOptions } from './request.ts';
export { type PositionStore, type SubscribeOptions, Subscription } from './subscription.ts';
