import type {
  ConnectionStatus,
  InboxContent,
  MessagesContent,
  OutboxEntry,
  Presences,
  Shown,
  View,
} from '@parley/client';
import type { CommandInput, ConversationAnswer, UnreadView } from '@parley/contracts';
import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { useParley } from './parley-provider.tsx';

/** Renders again when the content of the view is another. */
function useView<T>(view: View<T>): T {
  const listen = useCallback((listener: () => void) => view.listen(listener), [view]);
  const look = (): T => view.current;
  return useSyncExternalStore(listen, look, look);
}

/** Whether what is shown is up to date; and what the server refuses, or why it has ended. */
export function useConnection(): ConnectionStatus {
  return useView(useParley().live.connection());
}

/** The user's newest conversations, with what is unread in them. */
export function useConversations(): Shown<InboxContent> {
  return useView(useParley().live.inbox());
}

export function useConversation(conversationId: string): Shown<ConversationAnswer> {
  return useView(useParley().live.conversation(conversationId));
}

/** The badge. */
export function useUnread(): Shown<UnreadView> {
  return useView(useParley().live.unread());
}

type Content = Omit<CommandInput<'message.send'>, 'conversationId'>;

export interface MessageActions {
  /** Shown at once and sent as soon as there is a network; gives its key. A refusal shows in its row. */
  send(content: string | Content): string;
  /** Rejects with a ParleyError when the page cannot be loaded: catch it. */
  loadBefore(): Promise<void>;
  retry(key: string): void;
  /** False when it is on its way and cannot be taken back. */
  discard(key: string): boolean;
}

/** The messages of a conversation, the user's own ones from the moment they are sent. */
export function useMessages(conversationId: string): [Shown<MessagesContent>, MessageActions] {
  const { client, live } = useParley();
  const shown = useView(live.messages(conversationId));
  const actions = useMemo<MessageActions>(
    () => ({
      send(content) {
        const data = typeof content === 'string' ? { body: content } : content;
        return client.outbox.send('message.send', { ...data, conversationId }).key;
      },
      loadBefore: () => live.loadBefore(conversationId),
      retry: (key) => void client.outbox.retry(key),
      discard: (key) => client.outbox.discard(key),
    }),
    [client, live, conversationId],
  );
  return [shown, actions];
}

/** Who types, without the user; and what to call with every key that the user presses, and with false at the end. */
export function useTyping(conversationId: string): [readonly string[], (on: boolean) => void] {
  const { live } = useParley();
  const typers = useView(live.typing(conversationId));
  const say = useCallback((on: boolean) => live.sayTyping(conversationId, on), [live, conversationId]);
  return [typers, say];
}

/** Of each of the users. */
export function usePresence(users: readonly string[]): Presences {
  return useView(useParley().live.presence(users));
}

/** Everything that waits for an answer or was refused, over all conversations. */
export function useOutbox(): readonly OutboxEntry[] {
  const { outbox } = useParley().client;
  const listen = useCallback((listener: () => void) => outbox.listen(listener), [outbox]);
  const look = (): readonly OutboxEntry[] => outbox.entries;
  return useSyncExternalStore(listen, look, look);
}
