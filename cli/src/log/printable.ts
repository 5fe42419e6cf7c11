/**
 * What could move a terminal's cursor, rename its window, ring it, or show text in another order than it is written in:
 * control characters, lone surrogates, line and paragraph separators, bidirectional controls.
 */
const UNSAFE = /[\p{Cc}\p{Cs}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Text that somebody wrote, as one line that a terminal shows and does not obey. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => named[character] ?? escaped(character));
}

/** The same, of at most so many characters. */
export function clipped(text: string, characters: number): string {
  // A character is two code units at most: what is beyond need not be looked at.
  const start = Array.from(text.slice(0, 2 * characters + 2));
  const whole = start.length <= characters;
  return whole ? printable(text) : `${printable(start.slice(0, characters - 1).join(''))}…`;
}

/** JSON that parses to the very value and is safe on a terminal; over several lines when indented. */
export function safeJson(value: unknown, indent?: number): string {
  // The line breaks that are left are JSON's own: those in strings are escaped already.
  return JSON.stringify(value, null, indent).replace(UNSAFE, (character) =>
    character === '\n' ? character : escaped(character),
  );
}

/** None of the unsafe characters is beyond four digits. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
