import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';

const lineSchema = z.object({
  room: z.string().min(1),
  /** Place in the room, ascending. */
  line: z.int().min(0),
  at: z.iso.datetime(),
  kind: z.enum(['message', 'action', 'notice', 'join', 'part', 'quit', 'rename']),
  /** Missing in notices: those are the channel's own. */
  nick: z.string().min(1).optional(),
  text: z.string().optional(),
  newNick: z.string().min(1).optional(),
  replyTo: z.array(z.int().min(0)).optional(),
});

/** One line of an IRC log: something said or somebody coming, going, or taking another name. */
export type IrcLine = z.output<typeof lineSchema>;

/** The input is not an IRC log in NDJSON; the message names the line. */
export class BadInput extends Error {
  override name = 'BadInput';
}

/** Lines of an NDJSON file, gzipped when its name ends in .gz, one at a time; only those of its first `rooms` rooms. */
export async function* readIrcLines(file: string, rooms = Number.POSITIVE_INFINITY): AsyncGenerator<IrcLine> {
  const chosen = new Set<string>();
  let number = 0;
  for await (const text of readTextLines(file)) {
    number++;
    if (text.trim() === '') continue;
    const line = parseLine(text, `${file}:${number}`);
    if (chosen.size < rooms) chosen.add(line.room);
    if (chosen.has(line.room)) yield line;
  }
}

async function* readTextLines(file: string): AsyncGenerator<string> {
  const source = createReadStream(file);
  const stopped = new AbortController();
  const plain = file.endsWith('.gz') ? createGunzip() : null;
  // Errors of the file and of the decompression arrive at the reader of the lines.
  const failed = plain
    ? pipeline(source, plain, { signal: stopped.signal, end: true }).catch((error: unknown) => error)
    : null;
  try {
    yield* createInterface({ input: plain ?? source, crlfDelay: Number.POSITIVE_INFINITY });
    const fault = await failed;
    if (fault) throw fault;
  } catch (error) {
    throw new BadInput(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    stopped.abort();
    source.destroy();
  }
}

function parseLine(text: string, where: string): IrcLine {
  try {
    return lineSchema.parse(JSON.parse(text));
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    const fault = issue ? `${issue.path.join('.')} ${issue.message}` : 'not JSON';
    throw new BadInput(`${where}: ${fault}`);
  }
}

export interface InputSize {
  lines: number;
  rooms: number;
}

/** Reads the file once for the sake of the progress bar. */
export async function measureInput(file: string, rooms?: number): Promise<InputSize> {
  const names = new Set<string>();
  let lines = 0;
  for await (const line of readIrcLines(file, rooms)) {
    lines++;
    names.add(line.room);
  }
  if (lines === 0) throw new BadInput(`${file}: no lines`);
  return { lines, rooms: names.size };
}
