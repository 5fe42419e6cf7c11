import { test } from 'vitest';
import { GatewayWorld } from './testing/gateway-world.ts';
test('x', async () => {
  const t0 = Date.now();
  const w = await GatewayWorld.start();
  process.stderr.write(`world ${Date.now() - t0}\n`);
  const p = w.gateway();
  await Promise.race([p, new Promise((r) => setTimeout(r, 5000))]);
  process.stderr.write(`gateway ${Date.now() - t0}\n`);
  await Promise.race([w.stop(), new Promise((r) => setTimeout(r, 5000))]);
}, 60000);
