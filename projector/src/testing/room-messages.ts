import type { EventData, LogEvent } from '@parley/contracts';
import { cursors, event, NOBODY, uuid } from './commit.ts';
import { type Act, AUDIENCE, headOf, type Written } from './room.ts';

const EMOJI = ['+1', ':tada:'];

type Called = 'nobody' | 'one' | 'all';

function mentionsOf({ room, actor, target }: Act, called: Called) {
  if (called === 'all') return { ...NOBODY, all: target % 2 === 0, here: target % 2 === 1 };
  const users = [...room.roles.keys()].filter((each) => each !== actor);
  const userId = users[target % Math.max(1, users.length)];
  return called === 'one' && userId !== undefined ? { ...NOBODY, users: [userId] } : NOBODY;
}

export function send(act: Act, called: Called, root = 0): LogEvent {
  const { room, actor, target } = act;
  room.messages.push({ author: actor, root, deleted: false });
  const ordinal = headOf(room);
  const author = room.messages[root - 1]?.author;
  const thread =
    author === undefined ? {} : { threadOrdinal: root, threadId: idOf(root), threadAuthor: author };
  const data: EventData<'message.sent'> = {
    ...{ messageId: idOf(ordinal), ordinal, replies: room.messages.filter((each) => each.root > 0).length },
    ...(target % 5 === 0
      ? { ciphertext: { alg: 'x', keyId: 'k', data: 'AAAA' } }
      : { body: `${actor} says ${ordinal}` }),
    ...{ format: 'plain', attachments: target % 4 === 0 ? [{ attachmentId: idOf(9) }] : [], ...thread },
    ...{ mentions: mentionsOf(act, called), metadata: { target } },
  };
  return event('message.sent', data, act.attributes);
}

const idOf = (ordinal: number): string => uuid(ordinal);

/** In the thread of a message that is neither deleted nor a reply itself. */
export function reply(act: Act, called: Called): LogEvent | null {
  const root = pick(act, ({ root, deleted }) => root === 0 && !deleted);
  return root === null ? null : send(act, called, root);
}

/** The ordinal of one of the messages that are kept and suit. */
export function pick({ room, target }: Act, suits: (message: Written) => boolean): number | null {
  const ordinals = room.messages.flatMap((message, index) =>
    index >= room.expired && suits(message) ? [index + 1] : [],
  );
  return ordinals[target % Math.max(1, ordinals.length)] ?? null;
}

export const present = ({ deleted }: Written): boolean => !deleted;

export function edit(act: Act, ordinal: number | null, called: Called): LogEvent | null {
  if (ordinal === null) return null;
  const root = act.room.messages[ordinal - 1]?.root ?? 0;
  const mentions = mentionsOf(act, root > 0 && called === 'all' ? 'one' : called);
  const data = { messageId: idOf(ordinal), ordinal, body: `edit ${act.target} of ${ordinal}`, mentions };
  const thread = root > 0 ? { threadOrdinal: root } : {};
  return event('message.edited', { ...data, format: 'markdown', ...thread }, act.attributes);
}

export function erase(act: Act, ordinal: number | null): LogEvent | null {
  const message = ordinal === null ? undefined : act.room.messages[ordinal - 1];
  if (!message || ordinal === null) return null;
  message.deleted = true;
  act.room.pinned.delete(ordinal);
  const thread = message.root > 0 ? { threadOrdinal: message.root } : {};
  const data = { messageId: idOf(ordinal), ordinal, authorId: message.author, reason: 'why', ...thread };
  return event('message.deleted', data, act.attributes);
}

export function react(act: Act, ordinal: number | null, added: boolean): LogEvent | null {
  const authorId = act.room.messages[(ordinal ?? 0) - 1]?.author;
  if (ordinal === null || authorId === undefined) return null;
  const emoji = EMOJI[act.target % 2] ?? '+1';
  const data = { messageId: idOf(ordinal), ordinal, emoji, authorId };
  return event(added ? 'reaction.added' : 'reaction.removed', data, act.attributes);
}

export function pin({ room, attributes }: Act, ordinal: number | null): LogEvent | null {
  if (ordinal === null) return null;
  const pinned = room.pinned.has(ordinal);
  if (pinned) room.pinned.delete(ordinal);
  else room.pinned.add(ordinal);
  const type = pinned ? 'message.unpinned' : 'message.pinned';
  return event(type, { messageId: idOf(ordinal), ordinal }, attributes);
}

/** What the write side refuses, and a fold must still not fall for. */
export function touchGone(act: Act): LogEvent | null {
  const { room, target } = act;
  const gone = room.messages.flatMap(({ deleted }, index) =>
    deleted || index < room.expired ? [index + 1] : [],
  );
  const ordinal = gone[target % Math.max(1, gone.length)] ?? null;
  if (target % 4 === 0) return edit(act, ordinal, 'one');
  if (target % 4 === 1) return react(act, ordinal, true);
  if (target % 4 === 3) return erase(act, ordinal);
  if (ordinal === null) return null;
  return event('message.pinned', { messageId: idOf(ordinal), ordinal }, act.attributes);
}

/** Not beyond the head. Somebody who went in between may leave a cursor behind. */
export function read({ room, actor, target }: Act, how: 'read' | 'private' | 'delivered' | 'thread') {
  const head = headOf(room);
  if (head === 0) return null;
  const readOrdinal = (target % head) + 1;
  const audience = room.kind === 2 && !room.roles.has(actor) && AUDIENCE.includes(actor);
  const cursor = { userId: actor, ...(audience ? { audience: true as const } : {}) };
  if (how === 'delivered') return cursors([{ ...cursor, deliveredOrdinal: readOrdinal }], room.id);
  if (how === 'private') return cursors([{ ...cursor, readOrdinal, private: true }], room.id);
  if (how === 'read') return cursors([{ ...cursor, readOrdinal }], room.id);
  const roots = room.messages.flatMap(({ root }) => (root > 0 ? [root] : []));
  const threadOrdinal = roots[target % Math.max(1, roots.length)];
  return threadOrdinal === undefined
    ? null
    : cursors([{ userId: actor, readOrdinal, threadOrdinal }], room.id);
}
