import { z } from 'zod';

/** Words and limits that commands, events and views share. */
export const MAX_BODY_CHARACTERS = 10_000;
export const MAX_MEMBERS_PER_COMMAND = 1_000;
const MAX_METADATA_BYTES = 2_048;

export const conversationTypeSchema = z.enum(['direct', 'group', 'channel']);
export const roleSchema = z.enum(['owner', 'admin', 'moderator', 'member', 'guest']);
export const formatSchema = z.enum(['plain', 'markdown']);

export type ConversationType = z.infer<typeof conversationTypeSchema>;
export type Role = z.infer<typeof roleSchema>;
export type Format = z.infer<typeof formatSchema>;

/** Everything in Cc but tab, line feed and carriage return, plus lone surrogates. */
const FORBIDDEN_IN_TEXT = /[^\P{Cc}\t\n\r]|\p{Cs}/u;

/** Characters are code points: an emoji outside the basic plane counts once. */
function characterCount(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function textSchema(maxCharacters: number) {
  return z
    .string()
    .refine((text) => !FORBIDDEN_IN_TEXT.test(text), 'must not contain control characters')
    .refine(
      (text) => text.length <= maxCharacters || characterCount(text) <= maxCharacters,
      `must be at most ${maxCharacters} characters`,
    );
}

export const bodySchema = textSchema(MAX_BODY_CHARACTERS).refine(
  (text) => text.trim().length > 0,
  'must not be empty',
);
export const titleSchema = textSchema(200).refine((text) => text.trim().length > 0, 'must not be empty');
export const descriptionSchema = textSchema(2_000);
export const reasonSchema = textSchema(500);

export const metadataSchema = z
  .record(z.string(), z.json())
  .refine(
    (value) => new TextEncoder().encode(JSON.stringify(value)).length <= MAX_METADATA_BYTES,
    `must be at most ${MAX_METADATA_BYTES} bytes of JSON`,
  );
