/** Characters that a message holds at most; here they are counted as UTF-16 units, of which there are never fewer. */
const LONGEST = 10_000;
/** How far before the limit a text is rather cut at a space. */
const LOOK_BACK = 1_000;

/** What no text of Parley's may hold: control characters but tab and line ends, and halves of surrogate pairs. */
const FORBIDDEN = /[^\P{Cc}\t\n\r]|\p{Cs}/gu;

/** The text with every character that Parley refuses replaced by U+FFFD. */
export function cleanText(text: string): string {
  return text.replace(FORBIDDEN, '\uFFFD');
}

/** A text as bodies that may be sent: cut at a line end or space where there is one; none when there is nothing to say. */
export function bodiesOf(text: string): string[] {
  const clean = cleanText(text);
  const bodies: string[] = [];
  for (let from = 0; from < clean.length; ) {
    const to = endOfPart(clean, from);
    const part = clean.slice(from, to);
    if (part.trim() !== '') bodies.push(part);
    from = to;
  }
  return bodies;
}

/** For names and titles: one line's worth, cut without a word; undefined when nothing is left. */
export function shortText(text: string | undefined, most: number): string | undefined {
  const clean = cleanText(text ?? '').trim();
  const short = clean.length <= most ? clean : clean.slice(0, wholeCharacter(clean, most)).trim();
  return short === '' ? undefined : short;
}

function endOfPart(text: string, from: number): number {
  const limit = from + LONGEST;
  if (limit >= text.length) return text.length;
  for (const gap of ['\n', ' ']) {
    const at = text.lastIndexOf(gap, limit - 1);
    if (at >= limit - LOOK_BACK) return at + 1;
  }
  return wholeCharacter(text, limit);
}

/** Where to cut so that no surrogate pair is torn. */
function wholeCharacter(text: string, at: number): number {
  const code = text.charCodeAt(at - 1);
  return code >= 0xd800 && code < 0xdc00 ? at - 1 : at;
}
