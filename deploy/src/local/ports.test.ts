import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { choosePort, freePort, PortTakenError, withPort } from './ports.ts';

const servers: ReturnType<typeof createServer>[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function occupied(): Promise<number> {
  const port = await freePort();
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port }, resolve));
  return port;
}

describe('ports', () => {
  it('are never given twice', async () => {
    const ports = await Promise.all(Array.from({ length: 50 }, () => freePort()));
    expect(new Set(ports).size).toBe(50);
  });

  it('are the preferred one only while nobody has it', async () => {
    const taken = await occupied();
    expect(await choosePort(taken)).not.toBe(taken);
    const open = await freePort();
    expect(await choosePort(open)).toBe(open);
  });

  it('are tried anew when a race for one is lost', async () => {
    const tried: number[] = [];
    const port = await withPort({}, async (each) => {
      tried.push(each);
      if (tried.length < 3) throw new PortTakenError('lost');
      return each;
    });
    expect(tried).toHaveLength(3);
    expect(tried.at(-1)).toBe(port);
  });

  it('are not replaced when one was demanded', async () => {
    const start = withPort({ port: 4222 }, () => Promise.reject(new PortTakenError('taken')));
    await expect(start).rejects.toThrow('taken');
  });
});
