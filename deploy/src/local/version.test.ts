import { describe, expect, it } from 'vitest';
import { atLeast, parseVersion } from './version.ts';

describe('versions', () => {
  it.each([
    ['nats-server: v2.15.1', [2, 15, 1]],
    ['nats-server: v2.12.0-RC.1', [2, 12, 0]],
    ['Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64', [7, 0, 15]],
    ['Server v=8.0.1 sha=00000000:0', [8, 0, 1]],
    ['postgres (PostgreSQL) 18.4', [18, 4, 0]],
    ['postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)', [15, 18, 0]],
    ['initdb (PostgreSQL) 19beta1', [19, 0, 0]],
  ])('are read from "%s"', (text, version) => {
    expect(parseVersion(text)).toEqual(version);
  });

  it('are absent from an answer without digits', () => {
    expect(parseVersion('command not found')).toBeUndefined();
  });

  it('compare as numbers, not as text', () => {
    expect(atLeast([2, 12, 0], [2, 9, 10])).toBe(true);
    expect(atLeast([2, 9, 25], [2, 12, 0])).toBe(false);
    expect(atLeast([3, 0, 0], [2, 12, 0])).toBe(true);
    expect(atLeast([2, 12, 0], [2, 12, 0])).toBe(true);
  });
});
