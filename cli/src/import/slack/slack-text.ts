/** What a text may point at, in Parley's terms. */
export interface SlackNames {
  /** The user id that a Slack id became. */
  user(slackId: string): string;
  /** A channel's name; undefined when the export does not know it. */
  channel(slackId: string): string | undefined;
}

/** `<…>`: someone, a channel, a command word or a link. In the text itself these characters are entities. */
const POINTER = /<([^<>]*)>/g;
const ENTITIES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&' };

/**
 * Slack's text as plain text: people become `<@user id>`, channels `#name`, links `label (address)`; the rest stays as
 * it was written. A text without `<` and `&` is not changed. Never throws.
 */
export function plainText(text: string, names: SlackNames): string {
  let plain = '';
  let from = 0;
  for (const match of text.matchAll(POINTER)) {
    plain += decoded(text.slice(from, match.index)) + pointed(match[1] ?? '', names);
    from = match.index + match[0].length;
  }
  return plain + decoded(text.slice(from));
}

function decoded(text: string): string {
  return text.replace(/&(?:lt|gt|amp);/g, (entity) => ENTITIES[entity] ?? entity);
}

function pointed(inside: string, names: SlackNames): string {
  const bar = inside.indexOf('|');
  const target = decoded(bar === -1 ? inside : inside.slice(0, bar));
  const label = bar === -1 ? '' : decoded(inside.slice(bar + 1));
  const rest = target.slice(1);
  switch (target.charAt(0)) {
    case '@':
      return call(names.user(rest));
    case '#':
      return `#${label || names.channel(rest) || rest}`;
    case '!':
      return commandWord(rest, label);
    default:
      return link(target, label);
  }
}

function call(userId: string): string {
  return userId.includes('>') ? `@${userId}` : `<@${userId}>`;
}

/** `<!here>`, `<!subteam^S1|@team>`, `<!date^1392734382^{date}|Feb 18>`. Whom all of these called was called then. */
function commandWord(word: string, label: string): string {
  if (word === 'channel' || word === 'everyone') return '@all';
  if (word === 'here') return '@here';
  return label || `@${word.split('^')[0] ?? word}`;
}

function link(address: string, label: string): string {
  const plain = address.replace(/^mailto:/, '');
  const same = label === '' || label === plain || label === address || address === `http://${label}`;
  return same ? plain : `${label} (${plain})`;
}
