import { connect } from 'node:net';

/** Sends bytes to a server on loopback and collects its answer until it satisfies the pattern. */
export function exchange(
  port: number,
  send: string | Buffer,
  until: RegExp,
  silenceMs = 10_000,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(send));
    let text = '';
    socket.setTimeout(silenceMs, () => {
      socket.destroy();
      reject(new Error(`no ${until} in "${text}"`));
    });
    socket.once('error', reject);
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (!until.test(text)) return;
      socket.destroy();
      resolve(text);
    });
  });
}
