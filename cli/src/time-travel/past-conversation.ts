import {
  applyToConversation,
  applyToMembers,
  applyToMessages,
  type ConversationModel,
  conversationModel,
  type MembersModel,
  type MessagesModel,
  membersModel,
  messagesModel,
} from '@parley/client';
import {
  type CommitItem,
  type ConversationView,
  type EventOf,
  formatPosition,
  isKnown,
  type MemberView,
  type MessageView,
  type RecordedEvent,
} from '@parley/contracts';

/** A conversation as it was after one of its events. */
export interface PastConversation {
  /** Position of the last commit that is in it. */
  asOf: string;
  /** When that was written. */
  time: string;
  conversation: ConversationView;
  /** Who deleted it and when, if it was by then. */
  deleted: { at: string; by: string } | null;
  members: MemberView[];
  /** The newest ones, oldest of them first, thread replies among them. */
  messages: MessageView[];
  /** Sequences of its commits that are not in it, because operators decided so. */
  skipped: number[];
}

/** Nobody: what one member sees of their own (what they hid, have read, reacted to) is not in it. */
const VIEWER = { userId: '', unarchiveOnMessage: false };

interface Models {
  conversation: ConversationModel;
  members: MembersModel;
  messages: MessagesModel;
}

/**
 * A conversation's commits, in order, into what it was after them. The folds are the client's, so that a conversation of
 * the past says what its members saw; memory is the members and so many messages.
 */
export class PastFold {
  readonly #epoch: string;
  readonly #messages: number;
  #models: Models | null = null;
  #time = '';
  #deleted: PastConversation['deleted'] = null;
  readonly #skipped: number[] = [];
  #gap = false;

  constructor(epoch: string, messages: number) {
    this.#epoch = epoch;
    this.#messages = messages;
  }

  /** Of one commit, or the first of its events. Throws when it does not follow what was taken before. */
  take(sequence: number, events: RecordedEvent[]): void {
    for (const event of events) this.#takeEvent({ seq: sequence, events: [event] }, event);
  }

  /** Instead of `take`: the versions of this commit may be missing, as they are in the read model. */
  passOver(sequence: number): void {
    this.#skipped.push(sequence);
    this.#gap = true;
  }

  /** Of the newest event that was taken; 0 before the first. */
  get version(): number {
    return this.#models?.conversation.answer.conversation.version ?? 0;
  }

  /** Null before the conversation was created. */
  past(): PastConversation | null {
    if (!this.#models) return null;
    const { conversation, members, messages } = this.#models;
    return {
      asOf: conversation.answer.asOf,
      time: this.#time,
      conversation: conversation.answer.conversation,
      deleted: this.#deleted,
      members: members.page.items,
      messages: messages.page.items,
      skipped: [...this.#skipped],
    };
  }

  #takeEvent(commit: CommitItem, event: RecordedEvent): void {
    const expected = this.version + 1;
    const follows = this.#gap ? (event.version ?? 0) >= expected : event.version === expected;
    if (!follows) {
      throw new MissingVersions(`version ${expected} should come, and ${event.version ?? 'none'} does`);
    }
    this.#gap = false;
    this.#time = event.time;
    if (!this.#models) this.#begin(commit, event);
    else if (isKnown(event) && event.type === 'conversation.deleted') this.#end(this.#models, commit, event);
    else this.#apply(this.#models, commit, event);
  }

  #begin({ seq }: CommitItem, event: RecordedEvent): void {
    if (!isKnown(event) || event.type !== 'conversation.created') {
      throw new MissingVersions('it begins without having been created');
    }
    const view = createdView(event);
    const asOf = formatPosition(this.#epoch, seq);
    const { id, version } = view;
    const items = event.data.members.map((member) => ({
      ...member,
      joinedAt: event.time,
      readOrdinal: null,
      deliveredOrdinal: null,
    }));
    const page = { asOf, version, items, nextCursor: null };
    const noMessages = { asOf, version, items: [], hasBefore: false, hasAfter: false };
    this.#models = {
      conversation: conversationModel({ asOf, conversation: view, me: null }),
      members: membersModel(id, page, VIEWER),
      messages: messagesModel(id, noMessages),
    };
  }

  /** The client has nothing to show of a deleted conversation; here it stays as it was, and says so. */
  #end(models: Models, { seq }: CommitItem, event: EventOf<'conversation.deleted'>): void {
    this.#deleted = { at: event.time, by: event.actor };
    const { answer } = models.conversation;
    const conversation = { ...answer.conversation, version: event.version ?? 0 };
    const asOf = formatPosition(this.#epoch, seq);
    this.#models = {
      ...models,
      conversation: { ...models.conversation, answer: { ...answer, asOf, conversation } },
    };
  }

  #apply(models: Models, commit: CommitItem, event: RecordedEvent): void {
    const conversation = applyToConversation(models.conversation, commit, VIEWER);
    if (!conversation) throw new Error(`the fold lost the conversation at ${commit.seq}`);
    const isAboutMembers = event.type.startsWith('member');
    const members = isAboutMembers ? applyToMembers(models.members, commit, VIEWER) : models.members;
    const messages = applyToMessages(models.messages, commit, VIEWER);
    const items = messages.page.items.slice(-this.#messages);
    this.#models = { conversation, members, messages: { ...messages, page: { ...messages.page, items } } };
  }
}

/** Retention removed the conversation's beginning, or the log is damaged. */
export class MissingVersions extends Error {
  override name = 'MissingVersions';
}

function createdView({ subject, data, time, actor, version = 1 }: EventOf<'conversation.created'>) {
  const view: ConversationView = {
    id: subject.slice('conversation/'.length),
    type: data.type,
    title: data.title ?? null,
    description: data.description ?? null,
    avatar: null,
    otherUserId: null,
    audience: data.audience ?? null,
    settings: data.settings,
    createdAt: time,
    createdBy: actor,
    memberCount: data.members.length,
    messageCount: 0,
    lastMessage: null,
    archived: false,
    version,
  };
  return view;
}
