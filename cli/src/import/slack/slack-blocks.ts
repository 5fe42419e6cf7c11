/** Blocks of Slack lie in one another a few levels deep. */
const DEEPEST = 10;

interface Block {
  text?: unknown;
  fields?: unknown;
  elements?: unknown;
  user_id?: unknown;
  channel_id?: unknown;
  url?: unknown;
  name?: unknown;
  type?: unknown;
  alt_text?: unknown;
}

/** What blocks show, in Slack's own markup; empty for what is none. Needed only where Slack gives no text for them. */
export function textOfBlocks(blocks: unknown, depth = 0): string {
  return listOf(blocks, '\n', depth);
}

function listOf(blocks: unknown, between: string, depth: number): string {
  if (!Array.isArray(blocks) || depth > DEEPEST) return '';
  const parts = blocks.map((block) => textOf(block, depth + 1));
  return parts.filter((part) => part !== '').join(between);
}

function textOf(value: unknown, depth: number): string {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return '';
  const { type, text, fields, elements, user_id, channel_id, url, name, alt_text } = value as Block;
  const shown = typeof text === 'string' ? text : textOf(text, depth + 1);
  if (typeof url === 'string') return shown ? `<${url}|${shown}>` : `<${url}>`;
  if (typeof user_id === 'string') return `<@${user_id}>`;
  if (typeof channel_id === 'string') return `<#${channel_id}>`;
  if (type === 'emoji') return `:${name}:`;
  const within = listOf(elements, type === 'rich_text_section' ? '' : '\n', depth);
  const alt = typeof alt_text === 'string' ? alt_text : '';
  return [shown, listOf(fields, '\n', depth), within, alt].filter((part) => part !== '').join('\n');
}
