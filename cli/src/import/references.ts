import { cleanText } from './body.ts';
import type { MessageItem } from './item.ts';
import type { Threads } from './threads.ts';

/** What a message belongs to or answers, by ids of here; what is not here is kept by the ids of its source. */
export interface References {
  threadId?: string;
  replyTo?: string;
  lost: Record<string, string>;
}

/** `changed`: in words, what could not be kept as it was. */
export function referencesOf(
  { thread, replyTo = [] }: MessageItem,
  threads: Threads,
  messageIdOf: (id: string) => string,
): { refers: References; changed: string[] } {
  const changed: string[] = [];
  const refers: References = { lost: {} };
  if (thread !== undefined && threads.has(thread)) refers.threadId = messageIdOf(thread);
  else if (thread !== undefined) {
    refers.lost.thread = cleanText(thread);
    changed.push('reply to a thread whose first message is not here');
  }
  const answered = replyTo.find((id) => threads.has(id));
  const [best] = replyTo;
  if (answered !== undefined) refers.replyTo = messageIdOf(answered);
  else if (best !== undefined) {
    refers.lost.replyTo = cleanText(best);
    changed.push('answer to a message that is not here');
  }
  return { refers, changed };
}
