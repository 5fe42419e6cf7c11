import { defineConfig } from 'vitest/config';

/** Tiers by file name: pure, with real servers, whole stack. */
const io = ['**/src/**/*.{nats,pg,redis,http}.test.ts'];
const system = ['system-tests/src/**/*.system.test.ts'];
const everywhere = ['**/node_modules/**', '**/dist/**'];

export default defineConfig({
  test: {
    reporters: ['default', './scripts/closing-line.ts'],
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...everywhere, ...io, ...system],
        },
      },
      {
        test: { name: 'io', include: io, exclude: everywhere, testTimeout: 30_000, hookTimeout: 120_000 },
      },
      {
        test: {
          name: 'system',
          globalSetup: ['scripts/test-services.ts'],
          include: system,
          exclude: everywhere,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
