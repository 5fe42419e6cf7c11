import { expect, it, onTestFinished, vi } from 'vitest';
import { EXIT, runCommand } from './run-command.ts';

it('a role that may not do something is told which one may, without a place in the code', async () => {
  const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  onTestFinished(() => {
    written.mockRestore();
    process.exitCode = undefined;
  });
  const denied = Object.assign(new Error('permission denied for database parley'), { code: '42501' });
  await runCommand(() => Promise.reject(denied));
  expect(process.exitCode).toBe(EXIT.unavailable);
  const said = written.mock.calls.join('');
  expect(said).toContain('permission denied for database parley. Name one that may with --postgres');
  expect(said).not.toContain('run-command');
});
