import { connect, type Socket } from 'node:net';

const HEADERS_END = '\r\n\r\n';
const LENGTH = /content-length: (\d+)/i;
const STATUS_AT = 'HTTP/1.1 '.length;

/**
 * One keep-alive connection with one request in flight, no more HTTP than the answers of two known servers need: a
 * full client used more CPU per request than the floor itself, and on two cores that is taken from the servers.
 */
export class HttpConnection {
  readonly #socket: Socket;
  #text = '';
  #waiting: { resolve(answer: HttpAnswer): void; reject(error: Error): void } | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#take(text));
    const fail = (error?: Error) =>
      this.#waiting?.reject(error ?? new Error('the server closed the connection'));
    socket.on('error', fail);
    socket.on('close', () => fail());
  }

  static open(host: string, port: number): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new HttpConnection(socket));
      });
    });
  }

  exchange(request: string): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(request, 'latin1');
    });
  }

  close(): void {
    this.#waiting = null;
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#text += text;
    const end = this.#text.indexOf(HEADERS_END);
    if (end < 0) return;
    const length = LENGTH.exec(this.#text)?.[1];
    if (length === undefined) {
      this.#waiting?.reject(new Error('an answer without a content-length'));
      return;
    }
    const body = end + HEADERS_END.length;
    if (this.#text.length < body + Number(length)) return;
    const answer = {
      status: Number(this.#text.slice(STATUS_AT, STATUS_AT + 3)),
      body: this.#text.slice(body),
    };
    this.#text = '';
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(answer);
  }
}

export interface HttpAnswer {
  status: number;
  body: string;
}
