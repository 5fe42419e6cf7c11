import type { MessageView } from '@parley/contracts';
import { clipped, printable } from '../log/printable.ts';
import { renderTable } from '../table.ts';
import type { PastConversation } from './past-conversation.ts';

const NAME_CHARACTERS = 40;
const TEXT_CHARACTERS = 400;
/** More would push what was said off the screen. */
const MOST_MEMBERS = 30;

/** For a person: what the conversation was, who was in it, and what was said last. */
export function pastLines({
  asOf,
  time,
  conversation,
  deleted,
  members,
  messages,
  skipped,
}: PastConversation): string[] {
  const { title, type, version, createdAt, createdBy, messageCount, archived } = conversation;
  const ended = deleted && `deleted ${deleted.at} by ${deleted.by}`;
  const facts = [
    ['title', title ?? '(none)'],
    ['type', type],
    ['as of', `${time} (version ${version}, position ${asOf})`],
    ['created', `${createdAt} by ${createdBy}`],
    ['state', ended ?? (archived ? 'archived' : 'open')],
    ...(skipped.length === 0 ? [] : [['without', `commits ${skipped.join(', ')}, which operators skipped`]]),
  ];
  const people = members
    .slice(0, MOST_MEMBERS)
    .map(({ userId, role, joinedAt }) => [userId, role, `since ${joinedAt}`]);
  return [
    ...table(facts),
    '',
    `${members.length} members`,
    ...table(people),
    ...(members.length > MOST_MEMBERS ? [`… and ${members.length - MOST_MEMBERS} more: see --json`] : []),
    '',
    `${messages.length} of ${messageCount} messages`,
    ...messages.map(messageLine),
  ];
}

/** Whatever is in a cell, it is one line and no command to the terminal. */
function table(rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const safe = rows.map((row) => row.map((cell) => clipped(cell, TEXT_CHARACTERS)));
  return renderTable(safe).trimEnd().split('\n');
}

function messageLine(message: MessageView): string {
  const { ordinal, sentAt, senderId, threadId, edited } = message;
  const marks = `${threadId === null ? '' : ' (reply in a thread)'}${edited ? ' (edited)' : ''}`;
  const sender = clipped(senderId, NAME_CHARACTERS);
  return `#${ordinal} ${printable(sentAt)} ${sender}: ${textOf(message)}${marks}`;
}

function textOf({ body, deleted, ciphertext }: MessageView): string {
  if (deleted) return '(deleted)';
  if (body !== null) return clipped(body, TEXT_CHARACTERS);
  return ciphertext === null ? '(no text)' : '(encrypted)';
}
