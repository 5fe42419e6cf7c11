import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { answerCalls } from '../frame/worker.ts';

/** Floors of what reads the whole log: an ordered consumer and as little as can be done with what it gives. */
export interface ReadOrder {
  natsUrl: string;
  commits: number;
  /** Where the commits' bytes go, compressed; only decoded when there is none. */
  file?: string;
}

const CHUNK_BYTES = 256 * 1024;
const READ_AHEAD = 5_000;
const NEWLINE = Buffer.from('\n');

answerCalls({ read });

async function read({ natsUrl, commits, file }: ReadOrder): Promise<{ events: number }> {
  if (file !== undefined) {
    await pipeline(chunks(payloads(natsUrl, commits)), createGzip(), createWriteStream(file));
    return { events: 0 };
  }
  const decoder = new TextDecoder();
  let events = 0;
  for await (const payload of payloads(natsUrl, commits))
    events += JSON.parse(decoder.decode(payload)).length;
  return { events };
}

async function* payloads(natsUrl: string, commits: number): AsyncGenerator<Uint8Array> {
  const connection = await connect({ servers: natsUrl });
  try {
    const consumer = await jetstream(connection).consumers.get('EVT');
    let seen = 0;
    for await (const { data } of await consumer.consume({ max_messages: READ_AHEAD })) {
      yield data;
      if (++seen === commits) return;
    }
  } finally {
    await connection.close();
  }
}

async function* chunks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let lines: Uint8Array[] = [];
  let bytes = 0;
  for await (const payload of source) {
    lines.push(payload, NEWLINE);
    bytes += payload.length;
    if (bytes < CHUNK_BYTES) continue;
    yield Buffer.concat(lines);
    lines = [];
    bytes = 0;
  }
  yield Buffer.concat(lines);
}
