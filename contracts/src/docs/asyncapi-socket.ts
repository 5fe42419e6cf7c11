import type { z } from 'zod';
import {
  clientFrames,
  closeCodes,
  SOCKET_LIMITS,
  SOCKET_PATH,
  SUBPROTOCOL,
  serverFrames,
} from '../frames.ts';
import { clientFrameWords, describeFrameField, serverFrameWords } from './frame-words.ts';
import { type Json, SchemaBook } from './json-schema.ts';

/** AsyncAPI 3.0 of the socket: every frame of both sides, and how it closes. */
export function asyncApiOfSocket(): Json {
  const book = new SchemaBook({ io: 'output', target: 'draft-7', fieldWords: describeFrameField });
  const sent = frameMessages('client', clientFrames, clientFrameWords, book);
  const received = frameMessages('server', serverFrames, serverFrameWords, book);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Parley socket',
      version: '1',
      description: `\`GET ${SOCKET_PATH}\` upgraded to WebSocket with the subprotocol \`${SUBPROTOCOL}\`. A frame is one JSON text; those of clients are at most ${SOCKET_LIMITS.frameBytes / 1024} KiB. Commands go over HTTP.`,
      license: { name: 'Apache-2.0' },
    },
    servers: {
      gateway: {
        host: '{host}:{port}',
        protocol: 'wss',
        description: 'Any realtime gateway: nothing about a client is kept on one.',
        variables: { host: { default: 'localhost' }, port: { default: '443' } },
      },
    },
    defaultContentType: 'application/json',
    channels: {
      socket: {
        address: SOCKET_PATH,
        title: 'The socket',
        description:
          'The close code says what to do next: 40xx keep the position and resume, 44xx get a token, then resume, 45xx stop.',
        messages: Object.fromEntries(
          [...Object.keys(sent), ...Object.keys(received)].map((name) => [
            name,
            { $ref: `#/components/messages/${name}` },
          ]),
        ),
        'x-close-codes': closeCodes,
      },
    },
    operations: {
      // Operations are named from the client's side.
      send: operation('send', 'What a client may say.', Object.keys(sent)),
      receive: operation('receive', 'What the server says.', Object.keys(received)),
    },
    components: { messages: { ...sent, ...received }, schemas: book.shared },
  };
}

function frameMessages(
  side: 'client' | 'server',
  frames: Readonly<Record<string, z.ZodType>>,
  words: Readonly<Record<string, string>>,
  book: SchemaBook,
): Record<string, Json> {
  const io = side === 'client' ? 'input' : 'output';
  return Object.fromEntries(
    Object.entries(frames).map(([type, schema]) => {
      const name = `${side}.${type}`;
      const payload = book.share(name, { ...book.of(schema, name, io), description: words[type] });
      return [name, { name: type, title: type, summary: words[type], payload }];
    }),
  );
}

function operation(action: 'send' | 'receive', summary: string, names: readonly string[]): Json {
  return {
    action,
    summary,
    channel: { $ref: '#/channels/socket' },
    messages: names.map((name) => ({ $ref: `#/channels/socket/messages/${name}` })),
  };
}
