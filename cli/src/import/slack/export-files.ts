import type { Readable } from 'node:stream';
import { UsageError } from '../../run-command.ts';

/** Unpacked size of one file that is read. Files of a day are kilobytes; what is larger is no export of Slack's. */
export const LARGEST_FILE_BYTES = 128 * 1024 * 1024;

/** The files of an export, wherever they are: nothing is ever written. */
export interface ExportFiles {
  /** Unpacked bytes by name; names are paths with `/`, in no order. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Rejects with UsageError, naming the file, when it cannot be read or is larger than said or allowed. */
  read(name: string): Promise<Buffer>;
  close(): Promise<void>;
}

/** The whole of a stream, but never more than `size` bytes: what says it is small may unpack without end. */
export async function readWhole(stream: Readable, size: number, where: string): Promise<Buffer> {
  if (size > LARGEST_FILE_BYTES) {
    const megabytes = LARGEST_FILE_BYTES / 1024 / 1024;
    stream.destroy();
    throw new UsageError(
      `${where}: unpacked it has ${size} bytes; at most ${megabytes} MB of one file are read.`,
    );
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > size) throw new Error(`it is larger than the ${size} bytes that were announced`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw new UsageError(
      `${where}: cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return Buffer.concat(chunks);
}
