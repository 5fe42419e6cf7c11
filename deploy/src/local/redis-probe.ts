import { connect } from 'node:net';

/** Authenticates and asks which process answers; undefined while it does not, or loads its data. */
export function redisProcessId(port: number, password: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let text = '';
    const done = (pid: number | undefined) => {
      socket.destroy();
      resolve(pid);
    };
    socket.setTimeout(2_000, () => done(undefined));
    socket.once('error', () => done(undefined));
    socket.once('close', () => done(undefined));
    socket.once('connect', () => socket.write(`AUTH ${password}\r\nPING\r\nINFO server\r\n`));
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (/^-/m.test(text)) done(undefined);
      const pid = processId(text);
      if (pid !== undefined) done(pid);
    });
  });
}

function processId(text: string): number | undefined {
  const pid = /^process_id:(\d+)\r$/m.exec(text)?.[1];
  return pid !== undefined && text.startsWith('+OK\r\n+PONG\r\n') ? Number(pid) : undefined;
}
