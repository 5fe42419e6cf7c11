import { shortText } from '../body.ts';
import { fieldFault } from '../field-fault.ts';
import type { Item, Reaction, SkippedItem } from '../item.ts';
import { textOfBlocks } from './slack-blocks.ts';
import { type Attachment, type SlackFile, type SlackMessage, slackMessageSchema } from './slack-schemas.ts';
import { plainText, type SlackNames } from './slack-text.ts';

/** Who is who, and which conversation is called what. */
export interface SlackDirectory extends SlackNames {
  /** The Slack id of the user that a bot is; undefined when it is none. */
  userOfBot(botId: string): string | undefined;
  /** Whether the export's list of users has them. */
  isListed(slackId: string): boolean;
}

const JOINS = new Set(['channel_join', 'group_join', 'mpim_join']);
const LEAVES = new Set(['channel_leave', 'group_leave', 'mpim_leave']);
/** Messages like others, and lines that Slack shows like them: who did what is in their text. */
const SAID = new Set(
  [
    'me_message bot_message thread_broadcast file_share file_comment file_mention tombstone reply_broadcast',
    'channel_topic channel_purpose channel_name channel_archive channel_unarchive channel_convert_to_private',
    'group_topic group_purpose group_name group_archive group_unarchive mpim_topic mpim_purpose mpim_name',
    'bot_add bot_remove pinned_item unpinned_item reminder_add reminder_delete slackbot_response',
    'channel_posting_permissions huddle_thread sh_room_created sh_room_shared',
  ].flatMap((line) => line.split(' ')),
);
const LONGEST_NAME = 80;
/** Old exports tell of some bots nothing but a name. */
const NAMELESS_BOT = 'bot';

/** Milliseconds since 1970 of a message's `ts`. */
export function timeOfTs(ts: string): number {
  return Math.floor(Number(ts) * 1_000);
}

/** What one message of an export says: a message with its reactions, somebody coming or going, or nothing, with a reason. */
export function itemsOf(value: unknown, file: string, index: number, directory: SlackDirectory): Item[] {
  const parsed = slackMessageSchema.safeParse(value);
  if (!parsed.success) {
    const reason = fieldFault(value, parsed.error);
    return [{ kind: 'skipped', place: `${file}:${index}`, reason, loss: true }];
  }
  const message = parsed.data;
  const place = `${file}:${message.ts}`;
  const skip = (reason: string): SkippedItem => ({ kind: 'skipped', place, reason, loss: true });
  if (message.type !== 'message') return [skip(`type ${shortText(message.type, LONGEST_NAME)}`)];
  const subtype = message.subtype ?? '';
  const author = authorOf(message, directory);
  if (author === undefined) return [skip('message of nobody')];
  const user = directory.user(author);
  const { ts: id } = message;
  if (JOINS.has(subtype)) return [{ kind: 'join', place, id, user }];
  if (LEAVES.has(subtype)) return [{ kind: 'leave', place, id, user }];
  if (subtype !== '' && !SAID.has(subtype)) return [skip(`subtype ${shortText(subtype, LONGEST_NAME)}`)];
  return [said(message, { place, user, directory }), ...uncounted(message, skip)];
}

function authorOf(
  { user, bot_id, comment, username }: SlackMessage,
  directory: SlackDirectory,
): string | undefined {
  if (user) return user;
  if (comment?.user) return comment.user;
  if (bot_id) return directory.userOfBot(bot_id) ?? bot_id;
  return username ? NAMELESS_BOT : undefined;
}

/** What the author is called beside the list of users. */
function nameOf(
  { user, username, bot_profile, user_profile }: SlackMessage,
  directory: SlackDirectory,
): string | undefined {
  const unlisted = user && !directory.isListed(user) ? user_profile : undefined;
  const name = username || bot_profile?.name || unlisted?.display_name || unlisted?.real_name;
  return shortText(name ?? '', LONGEST_NAME);
}

function said(
  message: SlackMessage,
  { place, user, directory }: { place: string; user: string; directory: SlackDirectory },
): Item {
  const { ts, thread_ts, subtype, edited, reply_count, replies } = message;
  const name = nameOf(message, directory);
  const imported = {
    from: 'slack',
    id: ts,
    at: new Date(timeOfTs(ts)).toISOString(),
    ...(subtype && { kind: subtype }),
    ...(edited && { edited: new Date(timeOfTs(edited.ts)).toISOString() }),
    ...(name !== undefined && { name }),
  };
  const isReply = thread_ts != null && thread_ts !== ts;
  return {
    kind: 'message',
    place,
    id: ts,
    user,
    text: textOf(message, directory),
    imported,
    // Slack's threads have one level, as Parley's.
    answerable: !isReply && (thread_ts === ts || Boolean(reply_count) || Boolean(replies?.length)),
    ...(isReply && { thread: thread_ts }),
    reactions: reactionsOf(message, directory),
    ...(subtype === 'tombstone' && { deleted: true }),
  };
}

function textOf(message: SlackMessage, directory: SlackDirectory): string {
  const { text, comment, files, file, attachments, blocks } = message;
  const words = text || comment?.comment || textOfBlocks(blocks);
  const shown = plainText(words, directory);
  const attached = (attachments ?? []).map((each) => attachmentText(each, words, directory));
  const linked = (files ?? [file]).map(fileText);
  return [shown, ...attached, ...linked].filter((part) => part !== '').join('\n');
}

/** Bots say what they say here. A preview of a link in the text says nothing new. */
function attachmentText(attachment: Attachment, words: string, directory: SlackDirectory): string {
  const { author_name, pretext, title, title_link, text, fields, image_url, blocks, fallback } = attachment;
  if (title_link && words.includes(title_link)) return '';
  const head = title_link ? `<${title_link}|${title ?? ''}>` : title;
  const table = (fields ?? []).map(({ title, value }) => [title, value].filter(Boolean).join(': '));
  const parts = [author_name, pretext, head, text || textOfBlocks(blocks), ...table, image_url].filter(
    Boolean,
  );
  return plainText(parts.length > 0 ? parts.join('\n') : (fallback ?? ''), directory);
}

/** Files stay where they are: the text gets their address. Slack forgets those that were deleted or are over a plan's limit. */
function fileText(file: SlackFile | null | undefined): string {
  if (!file) return '';
  const address = file.permalink || file.url_private;
  const name = file.title || file.name || 'file';
  return address ? `[${name}] ${address}` : `[${name}] (no longer there)`;
}

function reactionsOf({ reactions }: SlackMessage, directory: SlackDirectory): Reaction[] {
  return (reactions ?? []).flatMap(({ name, users }) =>
    users.map((user) => ({ emoji: `:${name}:`, user: directory.user(user) })),
  );
}

/** Of reactions by very many, an export names only some. */
function uncounted({ reactions }: SlackMessage, skip: (reason: string) => SkippedItem): SkippedItem[] {
  const missing = (reactions ?? []).some(({ users, count }) => (count ?? 0) > users.length);
  return missing ? [{ ...skip('reactions that the export does not name'), loss: false }] : [];
}
