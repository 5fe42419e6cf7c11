import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type NatsServer, startNats } from './nats.ts';
import { type RunningNatsCluster, startNatsCluster } from './nats-cluster.ts';
import { readNatsInfo } from './nats-probe.ts';
import { poll } from './poll.ts';
import { exchange } from './raw-socket.test-support.ts';
import { temporaryFolder } from './temporary-folder.test-support.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

/** One request over the bare protocol: `subject` with `body`, answered to an inbox. */
async function request(port: number, subject: string, body = '', silenceMs?: number): Promise<string> {
  const lines = ['CONNECT {"verbose":false}', 'SUB inbox 1', `PUB ${subject} inbox ${body.length}`, body, ''];
  return exchange(port, lines.join('\r\n'), /MSG inbox [^\r]*\r\n[^\r]*\r\n/, silenceMs);
}

/** Asked again while nobody answers, as every client does: a leader may be a moment old. To create is idempotent. */
async function createStream(port: number, config: string): Promise<string> {
  const ask = () => request(port, '$JS.API.STREAM.CREATE.KEPT', config, 1_000).catch(() => undefined);
  return poll(ask, { what: 'the stream to be created', timeoutMs: 20_000, everyMs: 25 });
}

const stream = '{"name":"KEPT","subjects":["kept"],"storage":"file"}';

describe('one nats-server', () => {
  let server: NatsServer;

  beforeEach(async () => {
    server = await startNats({ dir: folder.path });
  });
  afterEach(() => server.stop());

  it('is at least 2.12 and answers with its own name', async () => {
    const info = await readNatsInfo(server.port);
    expect(info).toEqual({ serverName: server.name, version: server.version });
  });

  it('has its acknowledged messages and its port again after SIGKILL', async () => {
    await createStream(server.port, stream);
    expect(await request(server.port, 'kept', 'hello')).toContain('"seq":1');
    const { pid, port } = server;
    await server.kill();
    expect(await readNatsInfo(port)).toBeUndefined();
    await server.restart();
    expect(server.pid).not.toBe(pid);
    expect(await request(port, 'kept', 'again')).toContain('"seq":2');
  });

  it('ends when it is told to', async () => {
    await server.stop();
    expect(await server.exited()).toMatchObject({ signal: null });
    expect(await readNatsInfo(server.port)).toBeUndefined();
  });

  it('takes another port when the preferred one is in use', async () => {
    const other = await startNats({ dir: join(folder.path, 'other'), preferPort: server.port });
    expect(other.port).not.toBe(server.port);
    await other.stop();
  });

  it('keeps its streams when a reader of the log is added, and asks services for no credentials', async () => {
    await createStream(server.port, stream);
    await request(server.port, 'kept', 'hello');
    await server.stop();
    server = await startNats({ dir: folder.path, analyticsConsumer: 'analytics_local' });
    expect(await request(server.port, 'kept', 'again')).toContain('"seq":2');
    expect(
      await exchange(server.port, 'CONNECT {"user":"analytics","pass":"x"}\r\nPING\r\n', /-ERR [^\r]*/),
    ).toContain('Authorization Violation');
    const { username, password } = new URL(server.analyticsUrl ?? '');
    const login = JSON.stringify({ user: username, pass: password, verbose: false });
    expect(await exchange(server.port, `CONNECT ${login}\r\nPING\r\n`, /PONG|-ERR/)).toContain('PONG');
  });

  it('fails with the reason when the demanded port is in use', async () => {
    const start = startNats({ dir: join(folder.path, 'other'), port: server.port });
    await expect(start).rejects.toThrow(/the port is in use/);
  });
});

describe('three nats-servers', () => {
  let cluster: RunningNatsCluster;

  beforeEach(async () => {
    cluster = await startNatsCluster({ dir: folder.path, syncAlways: true });
  });
  afterEach(() => cluster.stop());

  it('elect a meta leader and take a stream of three replicas', async () => {
    const create = stream.replace('}', ',"num_replicas":3}');
    const port = cluster.servers[0]?.port ?? 0;
    expect(await createStream(port, create)).toContain('"num_replicas":3');
  });

  it('are ready again with two after one was killed, and with three after it came back', async () => {
    const [, second] = cluster.servers;
    await second?.kill();
    await cluster.ready();
    await second?.restart();
    await cluster.ready();
    expect(cluster.urls).toHaveLength(3);
  });
});
