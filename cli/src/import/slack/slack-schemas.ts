import { z } from 'zod';

const slackId = z.string().regex(/^\w{1,60}$/, 'must be an id of Slack');
/** Slack writes an empty text where nobody is. */
const someone = z.union([slackId, z.literal('')]).nullish();
/** Seconds with six decimals: the time of a message and its name within its conversation. */
const ts = z.string().regex(/^\d{9,10}\.\d{6}$/, 'must be seconds with six decimals');
/** Slack writes null where it has nothing. */
const text = z.string().nullish();
/** Programs write numbers and truth values as well. What is shown beside a text is no reason to lose the text. */
const beside = z
  .union([z.string(), z.number().transform(String)])
  .nullish()
  .catch(null);

export const slackUserSchema = z.object({
  id: slackId,
  name: text,
  real_name: text,
  profile: z.object({ display_name: text, real_name: text, bot_id: text }).nullish(),
});
export type SlackUser = z.output<typeof slackUserSchema>;

export const slackConversationSchema = z.object({
  id: slackId,
  name: text,
  creator: someone,
  is_archived: z.boolean().nullish(),
  members: z.array(slackId).nullish(),
  topic: z.object({ value: text }).nullish(),
  purpose: z.object({ value: text }).nullish(),
});
export type SlackConversation = z.output<typeof slackConversationSchema>;

const file = z.object({ name: beside, title: beside, permalink: beside, url_private: beside });
const field = z.object({ title: beside, value: beside });
const attachment = z.object({
  author_name: beside,
  pretext: beside,
  title: beside,
  title_link: beside,
  text: beside,
  fallback: beside,
  fields: z.array(field).nullish().catch(null),
  image_url: beside,
  blocks: z.unknown().optional(),
});
const profile = z.object({ name: beside, display_name: beside, real_name: beside }).nullish().catch(null);

/** What is read of a message; it may hold anything else. */
export const slackMessageSchema = z.object({
  type: z.string(),
  subtype: text,
  ts,
  user: someone,
  username: text,
  bot_id: someone,
  bot_profile: profile,
  user_profile: profile,
  text,
  blocks: z.unknown().optional(),
  thread_ts: ts.nullish(),
  reply_count: z.number().nullish(),
  replies: z.array(z.unknown()).nullish(),
  edited: z.object({ ts }).nullish().catch(null),
  reactions: z
    .array(z.object({ name: z.string(), users: z.array(slackId).default([]), count: z.number().nullish() }))
    .nullish(),
  files: z.array(file.nullable()).nullish(),
  file: file.nullish(),
  comment: z.object({ user: someone, comment: text }).nullish(),
  attachments: z.array(attachment).nullish(),
});
export type SlackMessage = z.output<typeof slackMessageSchema>;
export type Attachment = z.output<typeof attachment>;
export type SlackFile = z.output<typeof file>;
