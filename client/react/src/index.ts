export {
  type MessageActions,
  useConnection,
  useConversation,
  useConversations,
  useMessages,
  useOutbox,
  usePresence,
  useTyping,
  useUnread,
} from './hooks.ts';
export { ParleyProvider, useParley } from './parley-provider.tsx';
