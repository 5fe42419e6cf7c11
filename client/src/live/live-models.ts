import { type CommitItem, isKnown, parsePosition, SOCKET_LIMITS, type UnreadView } from '@parley/contracts';
import type { ParleyClient } from '../client.ts';
import { conversationsIn } from '../model/commit-facts.ts';
import { applyToConversation, type ConversationModel, conversationModel } from '../model/conversation.ts';
import { applyToInbox, type InboxModel, inboxModel } from '../model/inbox.ts';
import {
  applyToPages,
  firstOrdinal,
  type MessagePages,
  messagePages,
  oldestVersion,
  withOlderPage,
} from '../model/message-pages.ts';
import type { LiveFeed } from './live-feed.ts';
import type { LiveSends } from './live-sends.ts';
import { Pool } from './pool.ts';
import type { SourceOptions } from './source.ts';
import { touchesUnread } from './touches-unread.ts';

const INBOX_ITEMS = 100;
const MESSAGES_ITEMS = 50;
const MOST_MESSAGES = 200;
/** There is one inbox and one badge. */
export const OWN = 'own';

export interface LiveModelsOptions {
  client: ParleyClient;
  feed: LiveFeed;
  sends: LiveSends;
  changed(): void;
}

/** The models that are looked at, and the way of each commit to those that it is about. */
export class LiveModels {
  readonly inbox: Pool<InboxModel>;
  readonly unread: Pool<UnreadView>;
  readonly conversations: Pool<ConversationModel>;
  readonly messages: Pool<MessagePages>;
  readonly #client: ParleyClient;
  readonly #feed: LiveFeed;
  readonly #sends: LiveSends;

  constructor({ client, feed, sends, changed }: LiveModelsOptions) {
    this.#client = client;
    this.#feed = feed;
    this.#sends = sends;
    this.inbox = new Pool(() => ({ ...this.#inboxOptions(), changed }));
    this.unread = new Pool(() => ({ ...this.#unreadOptions(), changed }));
    this.conversations = new Pool((id) => ({ ...this.#conversationOptions(id), changed }));
    this.messages = new Pool((id) => ({ ...this.#messagesOptions(id), changed }));
  }

  /** `isFollowed`: of a conversation that the viewer is no member of. */
  take(commit: CommitItem, isFollowed: (conversationId: string) => boolean): void {
    const named = conversationsIn(commit);
    for (const id of named.keys()) {
      this.conversations.get(id)?.take(commit);
      this.messages.get(id)?.take(commit);
    }
    this.unread.get(OWN)?.take(commit);
    // What is only visited is not missing in the inbox.
    const inbox = this.inbox.get(OWN);
    const concerned = [...named.keys()].some((id) => !isFollowed(id) || holds(inbox?.model, id));
    if (concerned || this.#joins(commit)) inbox?.take(commit);
  }

  cutOff(anotherLog: boolean): void {
    for (const pool of [this.inbox, this.unread, this.conversations, this.messages]) {
      for (const [, source] of pool.entries()) source.cutOff(anotherLog);
    }
  }

  cutOffConversation(id: string): void {
    this.conversations.get(id)?.cutOff(false);
    this.messages.get(id)?.cutOff(false);
    this.unread.get(OWN)?.cutOff(false);
    const inbox = this.inbox.get(OWN);
    if (holds(inbox?.model, id)) inbox?.cutOff(false);
  }

  /** It is there and may be seen, whatever was said of it before. */
  hurryConversation(id: string): void {
    this.conversations.get(id)?.hurry();
    this.messages.get(id)?.hurry();
  }

  /** Null while it is not known. */
  isMember(id: string): boolean | null {
    const model = this.conversations.get(id)?.model;
    return model ? hasRole(model) : null;
  }

  /** That it is not there does not say that there is none: the page is being loaded anew. */
  lacksMessage(id: string, messageId: string): boolean {
    const source = this.messages.get(id);
    if (!source?.model || source.isExact) return false;
    return !source.model.items.some((message) => message.messageId === messageId);
  }

  /** Conversations that are looked at and that the feed does not bring, with the version that is known of each. */
  visited(): Map<string, number> {
    const visited = new Map<string, number>();
    const note = (model: ConversationModel): void => {
      const { id, version } = model.answer.conversation;
      if (hasRole(model)) return;
      const messages = this.messages.get(id);
      // Its page may have been read before the conversation was: what lies between must come too.
      if (messages && !messages.isContinuous) return;
      visited.set(id, messages?.model ? Math.min(version, oldestVersion(messages.model)) : version);
    };
    // From what is being loaded anew nobody knows where to go on.
    const inbox = this.inbox.get(OWN);
    if (inbox?.isContinuous) for (const item of inbox.model?.items ?? []) note(item.model);
    for (const [, { model, isContinuous }] of this.conversations.entries()) {
      if (model && isContinuous) note(model);
    }
    return new Map([...visited].slice(-SOCKET_LIMITS.subscriptions));
  }

  /** After the newest page is there. Rejects when the page could not be loaded; nothing changes then. */
  async loadBefore(id: string): Promise<void> {
    const source = this.messages.get(id);
    await source?.loaded();
    const before = source?.model ? firstOrdinal(source.model) : null;
    if (!source || before === null) return;
    await source.extend(
      (signal) =>
        this.#client.messages(id, { before, limit: MESSAGES_ITEMS }, { signal, minPosition: this.#now }),
      (pages, page, since) => withOlderPage(pages, { page, before, since }, this.#feed.viewer),
    );
  }

  #joins({ events }: CommitItem): boolean {
    const { userId } = this.#feed.viewer;
    return events.some(
      (event) =>
        isKnown(event) &&
        event.type === 'members.added' &&
        event.data.members.some((member) => member.userId === userId),
    );
  }

  get #now(): string | null {
    return this.#feed.minPosition;
  }

  #inboxOptions(): Loading<InboxModel> {
    return {
      fold: {
        apply: (inbox, commit) => applyToInbox(inbox, commit, this.#feed.viewer),
        isStale: ({ items, missing }) =>
          missing.length > 0 || items.some(({ model }) => model.stale.length > 0),
      },
      load: async (_, signal) => {
        await this.#feed.ready;
        return inboxModel(
          await this.#client.inbox({ limit: INBOX_ITEMS }, { signal, minPosition: this.#now }),
        );
      },
    };
  }

  #unreadOptions(): Loading<UnreadView> {
    return {
      fold: {
        apply: (unread, commit) => {
          const isReflected = commit.seq <= (parsePosition(unread.asOf)?.sequence ?? 0);
          return isReflected || !touchesUnread(commit, this.#feed.viewer.userId) ? unread : null;
        },
        isStale: () => false,
      },
      load: async (_, signal) => {
        await this.#feed.ready;
        return this.#client.unread({ signal, minPosition: this.#now });
      },
    };
  }

  #conversationOptions(id: string): Loading<ConversationModel> {
    return {
      fold: {
        apply: (model, commit) => applyToConversation(model, commit, this.#feed.viewer),
        isStale: ({ stale }) => stale.length > 0,
      },
      load: async (_, signal) => {
        await this.#feed.ready;
        return conversationModel(await this.#client.conversation(id, { signal, minPosition: this.#now }));
      },
    };
  }

  #messagesOptions(id: string): Loading<MessagePages> {
    return {
      fold: {
        apply: (pages, commit) => applyToPages(pages, commit, this.#feed.viewer),
        isStale: ({ stale }) => stale,
      },
      load: async (before, signal) => {
        await this.#feed.ready;
        // As much as is shown, as far as one page goes.
        const limit = Math.min(MOST_MESSAGES, Math.max(MESSAGES_ITEMS, before?.items.length ?? 0));
        const accepted = this.#sends.acceptedIn(id);
        const page = await this.#client.messages(id, { limit }, { signal, minPosition: this.#now });
        this.#sends.settled(accepted);
        return messagePages(id, page);
      },
    };
  }
}

type Loading<M> = Omit<SourceOptions<M>, 'changed'>;

/** Somebody in the audience of a broadcast has cursors and no role. */
function hasRole({ answer: { me } }: ConversationModel): boolean {
  return me !== null && me.role !== null;
}

function holds(inbox: InboxModel | null | undefined, id: string): boolean {
  return inbox?.items.some(({ model }) => model.answer.conversation.id === id) ?? false;
}
