import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOf } from './bytes.ts';
import type { Item } from './item.ts';
import { FLUSH_BYTES, Outbox, overflows, Run } from './outbox.ts';

const items: Item[] = Array.from({ length: 6 }, (_, n) => ({
  sequence: n + 1,
  bytes: bytesOf(JSON.stringify({ seq: n + 1, events: [{ text: 'é'.repeat(n) }] })),
}));

test('whatever is put in comes out once, in order, as one frame; the same things as the same frame', () => {
  const choices = fc.array(fc.subarray(items), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(choices, (perSocket) => {
      const start = Run.start();
      const frames = new Map<string, Uint8Array>();
      for (const chosen of perSocket) {
        const outbox = new Outbox();
        for (const item of chosen) outbox.add(item, start);
        const run = outbox.take();
        expect(outbox.empty).toBe(true);
        if (chosen.length === 0) {
          expect(run).toBeNull();
          continue;
        }
        const frame = run?.frame() ?? new Uint8Array();
        const key = chosen.map(({ sequence }) => sequence).join();
        expect(frames.get(key) ?? frame).toBe(frame);
        frames.set(key, frame);
        expect(run?.bytes).toBeGreaterThanOrEqual(frame.length);
        const { t, items: sent } = JSON.parse(new TextDecoder().decode(frame));
        expect(t).toBe('commits');
        expect(sent.map(({ seq }: { seq: number }) => seq)).toEqual(chosen.map(({ sequence }) => sequence));
      }
    }),
  );
});

test('a frame is due at its size', () => {
  const outbox = new Outbox();
  const half = { sequence: 1, bytes: new Uint8Array(FLUSH_BYTES / 2) };
  const start = Run.start();
  expect(outbox.add(half, start)).toBe(false);
  expect(outbox.add({ ...half, sequence: 2 }, start)).toBe(true);
});

describe('a queue', () => {
  test('overflows with the frame that would take it over the limit', () => {
    expect(overflows(900, 100, 1_000)).toBe(false);
    expect(overflows(901, 100, 1_000)).toBe(true);
  });
});
