import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exchange } from './raw-socket.test-support.ts';
import { type RedisServer, startRedis } from './redis.ts';
import { redisProcessId } from './redis-probe.ts';
import { temporaryFolder } from './temporary-folder.test-support.ts';

describe('redis', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let server: RedisServer;

  beforeEach(async () => {
    folder = await temporaryFolder();
    server = await startRedis({ dir: folder.path });
  });
  afterEach(async () => {
    await server.stop();
    await folder.remove();
  });

  it('is the process that was started, and wants its password', async () => {
    expect(await redisProcessId(server.port, server.password)).toBe(server.pid);
    expect(await redisProcessId(server.port, 'guess')).toBeUndefined();
    expect(await exchange(server.port, 'GET a\r\n', /\r\n/)).toContain('NOAUTH');
  });

  it('has its data and its port again after SIGKILL', async () => {
    const login = `AUTH ${server.password}\r\n`;
    await exchange(server.port, `${login}SET kept 42\r\n`, /OK\r\n\+OK/);
    await server.kill();
    expect(await redisProcessId(server.port, server.password)).toBeUndefined();
    await server.restart();
    expect(await exchange(server.port, `${login}GET kept\r\n`, /\+OK\r\n.*\r\n.*\r\n/)).toContain(
      '\r\n42\r\n',
    );
  });
});
