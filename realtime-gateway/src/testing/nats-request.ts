import { connect } from 'node:net';

/** Asks a NATS server one thing as an operator would, past every client of ours; resolves to the JSON of the answer. */
export function natsRequest(url: string, subject: string): Promise<Record<string, unknown>> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const tcp = connect(Number(port), hostname);
    let text = '';
    tcp.on('error', reject);
    tcp.on('data', (chunk) => {
      text += chunk;
      const answer = /\r\nMSG answers 1 (\d+)\r\n/.exec(text);
      const begin = answer ? answer.index + answer[0].length : 0;
      if (!answer || text.length < begin + Number(answer[1])) return;
      tcp.destroy();
      resolve(JSON.parse(text.slice(begin, begin + Number(answer[1]))) as Record<string, unknown>);
    });
    tcp.write(`CONNECT {"verbose":false}\r\nSUB answers 1\r\nPUB ${subject} answers 0\r\n\r\n`);
  });
}
