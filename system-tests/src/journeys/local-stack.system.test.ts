import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@parley/client';
import { readStack, type StackInfo } from '@parley/deploy';
import { afterAll, expect, test, vi } from 'vitest';
import WebSocket from 'ws';

const root = join(import.meta.dirname, '../../..');
const dir = mkdtempSync(join(tmpdir(), 'parley-stack-'));
let launcher: ChildProcess | undefined;

afterAll(() => {
  launcher?.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

async function launch(...more: string[]): Promise<StackInfo> {
  const script = join(root, 'system-tests/dist/testing/launch-stack.js');
  launcher = spawn(process.execPath, [script, root, dir, ...more], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const { pid } = launcher;
  return vi.waitFor(
    async () => {
      const stack = await readStack(dir);
      if (!stack || stack.pids.launcher !== pid) throw new Error('the stack is not up yet');
      return stack;
    },
    { timeout: 120_000, interval: 200 },
  );
}

async function clientOf(stack: StackInfo, userId: string) {
  const body = JSON.stringify({ sub: userId, roles: [], segments: [], device: 'd1' });
  const response = await fetch(`${stack.issuer}/token`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  });
  const { token } = (await response.json()) as { token: string };
  const { commandApi, readApi, gateway } = stack;
  return createClient({ commandApi, readApi, gateway, token: () => token, WebSocket: WebSocket as never });
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    // A killed child stays a zombie until its parent asks for it.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

test('the stack serves, keeps its data over a stop and over kill -9, leaves no orphans, and resets', async () => {
  const first = await launch();
  const alice = await clientOf(first, 'alice');
  const { result } = await alice.createConversation({
    type: 'group',
    title: 'Kept',
    members: [{ userId: 'bob' }],
  });
  await alice.send(result.conversationId, 'Hello, Bob');
  const bob = await clientOf(first, 'bob');
  const unread = await bob.unread({ minPosition: alice.ownPosition });
  expect(unread).toMatchObject({ total: 1, conversations: 1 });

  launcher?.kill('SIGTERM');
  const [code] = await once(launcher as ChildProcess, 'exit');
  expect(code).toBe(0);
  expect(Object.values(first.pids).filter(isAlive)).toEqual([]);
  expect(await readStack(dir)).toBeUndefined();

  const second = await launch();
  expect((await (await clientOf(second, 'bob')).inbox()).items[0]).toMatchObject({
    conversation: { title: 'Kept', messageCount: 1, lastMessage: { preview: 'Hello, Bob' } },
    me: { unread: 1 },
  });

  launcher?.kill('SIGKILL');
  await once(launcher as ChildProcess, 'exit');
  const third = await launch();
  expect(Object.values(second.pids).filter(isAlive)).toEqual([]);
  const again = await clientOf(third, 'bob');
  expect((await again.unread()).total).toBe(1);
  await again.read(result.conversationId, 1);
  expect((await again.unread()).total).toBe(0);

  launcher?.kill('SIGTERM');
  await once(launcher as ChildProcess, 'exit');
  const fourth = await launch('reset');
  expect((await (await clientOf(fourth, 'bob')).inbox()).items).toEqual([]);
  launcher?.kill('SIGTERM');
  await once(launcher as ChildProcess, 'exit');
});
