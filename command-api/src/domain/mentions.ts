import { MAX_MENTIONED_USERS, type Mentions } from '@parley/contracts';

interface Audible {
  author: string;
  /** Who can be called by name. */
  members: { has(userId: string): boolean };
  /** Whether `@all` and `@here` call everybody; else they are words like others. */
  everybody: boolean;
}

/** `<@any user id>`, or `@token` where no word, address or path goes on. */
const CALL = /<@([^>\p{Cc}]{1,128})>|(?<![\p{L}\p{N}_@./])@([\p{L}\p{N}_.:-]+)/gu;
/** A sentence's punctuation after a name. */
const TRAILING = '.:-';

/** Whom a text calls: members other than its author, the first `MAX_MENTIONED_USERS` of them. No text calls nobody. */
export function mentionsIn(body: string | undefined, { author, members, everybody }: Audible): Mentions {
  const users = new Set<string>();
  let all = false;
  let here = false;
  for (const prose of body?.includes('@') ? proseOf(body) : []) {
    for (const [, exact, token] of prose.matchAll(CALL)) {
      const name = token && withoutTrailing(token);
      if (name === 'all') all = everybody;
      else if (name === 'here') here = everybody;
      else addUser(users, exact ?? name ?? '');
    }
  }
  return { users: [...users], all, here };

  function addUser(into: Set<string>, userId: string): void {
    if (into.size < MAX_MENTIONED_USERS && userId !== author && members.has(userId)) into.add(userId);
  }
}

/** A loop and no pattern: `[.:-]+$` takes time by the square of a long row of dots. */
function withoutTrailing(token: string): string {
  let end = token.length;
  while (end > 0 && TRAILING.includes(token.charAt(end - 1))) end--;
  return token.slice(0, end);
}

/** The parts outside code: code is between two runs of equally many backticks; a run without a partner is text. */
function proseOf(body: string): string[] {
  const parts = body.split(/(`+)/);
  const prose: string[] = [];
  for (let at = 0; at < parts.length; at += 2) {
    prose.push(parts[at] ?? '');
    const run = parts[at + 1];
    const partner = run === undefined ? -1 : parts.indexOf(run, at + 2);
    if (partner > 0) at = partner - 1;
  }
  return prose;
}
