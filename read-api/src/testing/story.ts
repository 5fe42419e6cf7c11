import { type ConversationType, DEFAULT_SETTINGS, type Role, type Settings } from '@parley/contracts';
import type { Pool } from 'pg';

import { timeOf, uuid } from './read-model.ts';
import { conversationRow, insert, insertConversationRow, insertReactions, memberRow } from './rows.ts';

export type Fact =
  | { kind: 'send'; by: string; body: string; thread?: number; row?: object }
  | { kind: 'edit'; by: string; ordinal: number; body: string }
  | { kind: 'delete'; by: string; ordinal: number }
  | { kind: 'react'; by: string; ordinal: number; emoji: string; added: boolean }
  | { kind: 'pin'; by: string; ordinal: number; pinned: boolean }
  | { kind: 'join'; user: string; role: Role }
  | { kind: 'leave'; user: string; reason?: 'left' | 'removed' | 'banned' }
  | { kind: 'role'; user: string; role: Role }
  | { kind: 'update'; changes: { title?: string | null; settings?: Partial<Settings> } }
  | { kind: 'archive'; archived: boolean };

interface Place {
  version: number;
  sequence: number;
  at: string;
}

type Row = Record<string, unknown>;
const NOBODY = { users: [], all: false, here: false };

/**
 * A conversation as the projector leaves it in the tables, made of facts: each is a commit of its own, one `step` of
 * sequences and one minute after the one before. Founders are `ann`, the owner, and `bob`.
 */
export class Story {
  readonly id: string;
  readonly #start: number;
  readonly #step: number;
  readonly #conversation: Row;
  #place: Place;
  readonly members = new Map<string, Row>();
  readonly messages: Row[] = [];
  readonly #threads = new Map<number, Row>();
  readonly #texts: Row[] = [];
  readonly #rows: Record<'member_changes' | 'reactions' | 'pins' | 'audit', Row[]> = {
    member_changes: [],
    reactions: [],
    pins: [],
    audit: [],
  };

  constructor(
    id: string,
    options: {
      type?: ConversationType;
      settings?: Partial<Settings>;
      sequence?: number;
      step?: number;
      row?: Row;
    } = {},
  ) {
    const { type = 'group', sequence = 1, step = 1, row } = options;
    this.id = id;
    this.#start = sequence - step;
    this.#step = step;
    this.#place = { version: 0, sequence: this.#start, at: timeOf(0) };
    const settings = { ...DEFAULT_SETTINGS, ...options.settings };
    const place = this.#next();
    this.#conversation = { id, type, title: 'Room', description: null, avatar: null, settings, ...row };
    this.#conversation.created_at = place.at;
    this.#conversation.archived_at = null;
    this.#audit('conversation.created', { type, title: 'Room', settings, members: 2 });
    this.#join('ann', 'owner');
    this.#join('bob', 'member');
  }

  get place(): Place {
    return this.#place;
  }

  /** Gives the place of the fact back. */
  add(fact: Fact): Place {
    const place = this.#next();
    if (fact.kind === 'send') this.#send(fact);
    else if (fact.kind === 'edit') this.#edit(fact);
    else if (fact.kind === 'delete') this.#delete(fact);
    else if (fact.kind === 'react') this.#react(fact);
    else if (fact.kind === 'pin')
      this.#put('pins', { by: fact.by, ordinal: fact.ordinal, pinned: fact.pinned });
    else if (fact.kind === 'update') this.#update(fact.changes);
    else if (fact.kind === 'archive') this.#archive(fact.archived);
    else this.#member(fact);
    return place;
  }

  /** `count` messages of ann's. */
  send(count: number): this {
    for (let n = 1; n <= count; n++)
      this.add({ kind: 'send', by: 'ann', body: `message ${this.messages.length + 1}` });
    return this;
  }

  async insert(pool: Pool): Promise<void> {
    const main = this.messages.filter((each) => each.thread_ordinal === null).at(-1);
    const replies = this.messages.filter((each) => each.thread_ordinal !== null);
    const conversation = conversationRow(0, {
      ...this.#conversation,
      member_count: [...this.members.values()].filter((each) => each.left_sequence === null).length,
      message_count: this.messages.length,
      reply_count: replies.length,
      last_main_ordinal: main?.ordinal ?? 0,
      last_message_at: main?.sent_at ?? null,
      last_message_sequence: main?.sequence ?? 0,
      last_deleted_ordinal: this.messages.filter((each) => each.deleted_at !== null).at(-1)?.ordinal ?? 0,
      last_mention_all_ordinal: 0,
      last_reply_ordinal: replies.at(-1)?.ordinal ?? 0,
      version: this.#place.version,
      sequence: this.#place.sequence,
    });
    await insertConversationRow(pool, conversation);
    await insert(pool, 'members', [...this.members.values()]);
    await insert(pool, 'messages', this.messages);
    const kept = this.#texts.filter((each) => this.#isEdited(Number(each.ordinal)));
    await insert(pool, 'message_edits', kept);
    await insert(pool, 'threads', [...this.#threads.values()]);
    const { reactions, ...rest } = this.#rows;
    await insertReactions(pool, reactions);
    for (const [table, rows] of Object.entries(rest)) await insert(pool, table, rows);
  }

  #next(): Place {
    const version = this.#place.version + 1;
    this.#place = { version, sequence: this.#start + this.#step * version, at: timeOf(version) };
    return this.#place;
  }

  #put(table: 'member_changes' | 'reactions' | 'pins' | 'audit', columns: Row): void {
    this.#rows[table].push({ conversation_id: this.id, ...this.#place, ...columns });
  }

  #react({ by, ordinal, emoji, added }: Extract<Fact, { kind: 'react' }>): void {
    this.#put('reactions', { ordinal, emoji, user_id: by, author_id: 'ann', added });
  }

  #audit(type: string, details: object): void {
    this.#put('audit', { actor: 'ann', type, details });
  }

  #join(user: string, role: Role): void {
    const { at, sequence, version } = this.#place;
    const head = this.messages.length;
    const cursors = {
      joined_ordinal: head,
      read_ordinal: head,
      delivered_ordinal: head,
      receipt_ordinal: head,
    };
    const joined = { role, joined_at: at, joined_sequence: sequence, joined_version: version, ...cursors };
    this.members.set(user, memberRow(0, user, { conversation_id: this.id, ...joined }));
    this.#put('member_changes', { user_id: user, role, joined_at: at });
  }

  #member(fact: Extract<Fact, { kind: 'join' | 'leave' | 'role' }>): void {
    if (fact.kind === 'join') {
      this.#join(fact.user, fact.role);
      this.#audit('members.added', { userIds: [fact.user], count: 1, via: 'add' });
      return;
    }
    const row = this.members.get(fact.user);
    if (!row) throw new Error(`${fact.user} was never a member`);
    const leaves = fact.kind === 'leave';
    if (leaves)
      Object.assign(row, { left_sequence: this.#place.sequence, left_reason: fact.reason ?? 'left' });
    else row.role = fact.role;
    const held = { role: leaves ? null : row.role, joined_at: leaves ? null : row.joined_at };
    this.#put('member_changes', { user_id: fact.user, ...held });
    this.#audit(leaves ? 'member.left' : 'member.role-changed', { userId: fact.user });
  }

  #send({ by, body, thread, row }: Extract<Fact, { kind: 'send' }>): void {
    const ordinal = this.messages.length + 1;
    const root = thread === undefined ? undefined : this.messages[thread - 1];
    const { at, sequence, version } = this.#place;
    this.messages.push({
      conversation_id: this.id,
      ordinal,
      message_id: uuid(this.#start * 1_000 + 10_000 + ordinal),
      sequence,
      sender_id: by,
      sent_at: at,
      sent_version: version,
      replies: this.messages.filter((each) => each.thread_ordinal !== null).length + (root ? 1 : 0),
      body,
      format: 'plain',
      attachments: [],
      thread_id: root?.message_id ?? null,
      thread_ordinal: root?.ordinal ?? null,
      mentions: NOBODY,
      mentions_all: false,
      metadata: null,
      edited_at: null,
      edited_by: null,
      edit_count: 0,
      deleted_at: null,
      deleted_by: null,
      version,
      ...row,
    });
    this.#keepText(ordinal, by, body);
    if (thread === undefined) return;
    const count = Number(this.#threads.get(thread)?.reply_count ?? 0) + 1;
    const last = { last_reply_ordinal: ordinal, last_reply_at: at, last_reply_sequence: sequence };
    this.#threads.set(thread, { conversation_id: this.id, ordinal: thread, reply_count: count, ...last });
  }

  #keepText(ordinal: number, by: string, body: string): void {
    const text = { ordinal, by, body, format: 'plain', mentions: NOBODY };
    this.#texts.push({ conversation_id: this.id, ...this.#place, ...text });
  }

  #isEdited(ordinal: number): boolean {
    const message = this.messages[ordinal - 1];
    return Number(message?.edit_count) > 0 && message?.deleted_at === null;
  }

  #edit({ by, ordinal, body }: Extract<Fact, { kind: 'edit' }>): void {
    const message = this.messages[ordinal - 1];
    if (!message || message.deleted_at !== null) return;
    const { at, version } = this.#place;
    const edit_count = Number(message.edit_count) + 1;
    Object.assign(message, { body, edited_at: at, edited_by: by, edit_count, version });
    this.#keepText(ordinal, by, body);
  }

  #delete({ by, ordinal }: Extract<Fact, { kind: 'delete' }>): void {
    const message = this.messages[ordinal - 1];
    if (!message || message.deleted_at !== null) return;
    const { at, version } = this.#place;
    Object.assign(message, { body: null, deleted_at: at, deleted_by: by, version });
  }

  #update(changes: Extract<Fact, { kind: 'update' }>['changes']): void {
    const { settings, ...rest } = changes;
    Object.assign(this.#conversation, rest);
    Object.assign(this.#conversation.settings as Settings, settings);
    this.#audit('conversation.updated', changes);
  }

  #archive(archived: boolean): void {
    this.#conversation.archived_at = archived ? this.#place.at : null;
    this.#audit(archived ? 'conversation.archived' : 'conversation.unarchived', {});
  }
}
