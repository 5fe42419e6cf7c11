import { PassThrough, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { LineOutput } from './line-output.ts';

test('a slow reader is waited for: only what fits its buffer is under way', async () => {
  const slow = new PassThrough({ highWaterMark: 64 });
  const output = new LineOutput(slow);
  let written = 0;
  const writing = (async () => {
    for (let n = 0; n < 1_000; n++) {
      await output.write(`line ${n}`);
      written += 1;
    }
    slow.end();
  })();
  let read = '';
  let most = 0;
  for await (const chunk of slow) {
    most = Math.max(most, written - read.split('\n').length);
    read += String(chunk);
  }
  await writing;
  expect(read).toBe(Array.from({ length: 1_000 }, (_, n) => `line ${n}\n`).join(''));
  expect(most).toBeLessThan(64);
});

test('a reader that has gone is noticed, also by a write that waits', async () => {
  const stuck = new Writable({ highWaterMark: 1, write: () => undefined });
  const output = new LineOutput(stuck);
  const waiting = output.write('nobody takes this');
  stuck.destroy(new Error('EPIPE'));
  await expect(waiting).rejects.toThrow();
  expect(output.gone.aborted).toBe(true);
  await expect(output.write('more')).rejects.toThrow(/nobody reads/);
});
