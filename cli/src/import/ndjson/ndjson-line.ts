import { z } from 'zod';

const name = z.string().min(1).max(500);
/** An id is a text or a number: 5 and "5" are the same one. */
const id = z.union([z.string().min(1).max(100), z.number()]).transform(String);
const some = z.union([id.transform((one) => [one]), z.array(id)]);

/**
 * One line of an import, as docs/import.md describes it. `line`, `nick`, `newNick`, `action`, `notice`, `part`, `quit` and
 * `rename` are how IRC logs say it. Other fields are passed over.
 */
export const ndjsonLineSchema = z.object({
  room: name,
  type: z.enum(['channel', 'group', 'direct']).optional(),
  title: z.string().optional(),
  members: z.array(name).max(100_000).optional(),
  at: z.iso.datetime({ offset: true }),
  kind: z.enum(['message', 'action', 'notice', 'join', 'leave', 'part', 'quit', 'rename']).default('message'),
  user: name.optional(),
  nick: name.optional(),
  newNick: name.optional(),
  text: z.string().optional(),
  id: id.optional(),
  line: id.optional(),
  thread: id.optional(),
  replyTo: some.optional(),
  reactions: z.array(z.object({ emoji: z.string(), user: name })).optional(),
});

export type NdjsonLine = z.output<typeof ndjsonLineSchema>;
