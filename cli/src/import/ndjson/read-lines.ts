/** A line may be as long as the largest message with all that goes with it, many times over. */
export const LONGEST_LINE_BYTES = 4 * 1024 * 1024;

const LINE_FEED = 10;

export interface NumberedLine {
  number: number;
  /** Null: it was too long to be read. */
  text: string | null;
}

/** Lines of UTF-8, counted from 1; blank ones are passed over. Never holds more than the longest line that is allowed. */
export async function* readLines(source: AsyncIterable<Buffer>): AsyncGenerator<NumberedLine> {
  // Passes over a byte order mark.
  const decoder = new TextDecoder();
  let pieces: Buffer[] = [];
  let bytes = 0;
  let number = 0;
  const add = (piece: Buffer): void => {
    bytes += piece.length;
    if (bytes <= LONGEST_LINE_BYTES) pieces.push(piece);
    else pieces = [];
  };
  const end = (): NumberedLine => {
    const text = bytes <= LONGEST_LINE_BYTES ? decoder.decode(Buffer.concat(pieces)) : null;
    pieces = [];
    bytes = 0;
    return { number: ++number, text };
  };
  for await (const chunk of source) {
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, from)) {
      add(chunk.subarray(from, at));
      from = at + 1;
      const line = end();
      if (line.text?.trim() !== '') yield line;
    }
    add(chunk.subarray(from));
  }
  const last = end();
  if (last.text?.trim() !== '') yield last;
}
