import { expect, it, onTestFinished, vi } from 'vitest';
import { type CommandContext, EXIT, runCommand } from './run-command.ts';

type Work = Parameters<typeof runCommand>[0];

/** What a command writes to standard error. */
async function toldBy(work: Work, options?: Parameters<typeof runCommand>[1]): Promise<string> {
  const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  onTestFinished(() => {
    written.mockRestore();
    process.exitCode = undefined;
  });
  await runCommand(work, options);
  return written.mock.calls.join('');
}

const failing =
  (error: Error): Work =>
  () =>
    Promise.reject(error);

it('a role that may not do something is told which one may, without a place in the code', async () => {
  const denied = Object.assign(new Error('permission denied for database parley'), { code: '42501' });
  const told = await toldBy(failing(denied));
  expect(process.exitCode).toBe(EXIT.unavailable);
  expect(told).toContain('permission denied for database parley. Name one that may with --postgres');
  expect(told).not.toContain('run-command');
});

it.each([
  [
    new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'),
    'Postgres wants a password, and there is none in --postgres or DATABASE_URL. That of the local stack is in .parley/stack.json.',
  ],
  [
    Object.assign(new Error('password authentication failed for user "parley"'), { code: '28P01' }),
    'Postgres refused: password authentication failed for user "parley". Correct --postgres or DATABASE_URL.',
  ],
  [
    Object.assign(new Error('database "nowhere" does not exist'), { code: '3D000' }),
    'Postgres refused: database "nowhere" does not exist. Correct --postgres or DATABASE_URL.',
  ],
  [
    Object.assign(new AggregateError([new Error('connect ECONNREFUSED ::1:5')]), { code: 'ECONNREFUSED' }),
    'Postgres does not answer (Error: connect ECONNREFUSED ::1:5): start it (here: npm start), or correct --postgres or DATABASE_URL.',
  ],
])('what Postgres says to an address is told with what to do: %s', async (error, said) => {
  expect(await toldBy(failing(error))).toBe(`\n${said}\n`);
  expect(process.exitCode).toBe(EXIT.unavailable);
});

it('after Ctrl-C it says how far the work came, and last how to go on', async () => {
  const work = async ({ progress, signal }: CommandContext): Promise<never> => {
    const folding = progress.start('folding the log', 53_260);
    folding.advance(8_000);
    process.emit('SIGINT', 'SIGINT');
    folding.stop();
    return signal.throwIfAborted() as never;
  };
  const told = await toldBy(work, { afterStop: 'Run the same command to go on.' });
  expect(told).toContain('folding the log: stopped at 8,000 of 53,260');
  expect(told).toMatch(/\nStopped\. Run the same command to go on\.\n$/);
  expect(process.exitCode).toBe(EXIT.stopped);
});
