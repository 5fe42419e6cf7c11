import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run with one plain line that scripts can read: `Tests: N passed, N failed, N skipped`. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      if (module.errors().length > 0) count.failed++;
      for (const test of module.children.allTests()) count[test.result().state]++;
    }
    const { passed, failed, skipped, pending } = count;
    process.stdout.write(`\nTests: ${passed} passed, ${failed} failed, ${skipped + pending} skipped\n`);
  }
}
