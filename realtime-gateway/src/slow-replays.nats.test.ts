import { afterAll, beforeAll, expect, test } from 'vitest';
import { drafts } from './testing/commits.ts';
import { GatewayStage } from './testing/gateway-stage.ts';
import { RawSocket } from './testing/raw-socket.ts';

let stage: GatewayStage;
beforeAll(async () => {
  stage = await GatewayStage.set();
});
afterAll(() => stage?.stop());

const READERS = 40;
/** More than the kernel takes from a server for a client that does not read. */
const MESSAGES = 1_500;
const BODY_BYTES = 6_000;

test('clients that do not take their history keep no reader of the log open, and hold up no other device', async () => {
  const users = Array.from({ length: READERS }, (_, n) => `user${n}`);
  const { id, created } = await stage.room(...users);
  for (let n = 1; n <= MESSAGES; n++)
    await stage.world.writer.commit(id, drafts.sent(n, 'x'.repeat(BODY_BYTES)));
  const cold = await stage.coldGateway();
  const since = stage.world.position(created);
  const consumers = async (): Promise<number> => {
    const answer = await fetch(`${stage.world.nats.monitorUrl}/jsz`);
    return ((await answer.json()) as { consumers: number }).consumers;
  };
  const before = await consumers();
  const sockets: RawSocket[] = [];
  try {
    for (const user of users) {
      const socket = await RawSocket.open(cold.url);
      sockets.push(socket);
      socket.tcp.pause();
      await socket.frame(JSON.stringify({ t: 'hello', token: await stage.world.token(user), since }));
    }
    for (const user of users.slice(0, 3)) {
      const other = await stage.connect(user, since, cold);
      await other.until(({ frames }) => frames.some(({ t }) => t === 'welcome'));
    }
    await expect.poll(consumers, { timeout: 20_000 }).toBeLessThanOrEqual(before);
  } finally {
    for (const { tcp } of sockets) tcp.destroy();
  }
}, 90_000);
