import { connect } from 'node:net';

export interface NatsInfo {
  serverName: string;
  version: string;
}

/** Reads the INFO line that every NATS server sends first, so no client is needed to know who answers. */
export function readNatsInfo(port: number): Promise<NatsInfo | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let text = '';
    const done = (info: NatsInfo | undefined) => {
      socket.destroy();
      resolve(info);
    };
    socket.setTimeout(2_000, () => done(undefined));
    socket.once('error', () => done(undefined));
    socket.once('close', () => done(undefined));
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\r\n')) done(parseInfo(text));
    });
  });
}

function parseInfo(text: string): NatsInfo | undefined {
  const json = /^INFO (\{.*\})\s*\r\n/.exec(text)?.[1];
  if (!json) return undefined;
  const info: unknown = JSON.parse(json);
  if (typeof info !== 'object' || info === null || !('server_name' in info) || !('version' in info)) {
    return undefined;
  }
  return { serverName: String(info.server_name), version: String(info.version) };
}
