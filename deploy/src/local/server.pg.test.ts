import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { executable } from './binary.ts';
import { findPostgres } from './find-postgres.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { postgresEnvironment } from './postgres-init.ts';
import { postgresPlace } from './postgres-place.ts';
import { exchange } from './raw-socket.test-support.ts';
import { run } from './run.ts';
import { temporaryFolder } from './temporary-folder.test-support.ts';

describe('postgres', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let server: PostgresServer;

  beforeEach(async () => {
    folder = await temporaryFolder();
    server = await startPostgres({ dir: folder.path, fast: true });
  });
  afterEach(async () => {
    await server.stop();
    await folder.remove();
  });

  /** While the server is down: no client program is needed. */
  async function alone(sql: string): Promise<string> {
    const { binDir, dataDir, account } = await postgresPlace(folder.path, await findPostgres());
    const done = await run(
      join(binDir, executable('postgres')),
      ['--single', '-D', dataDir, new URL(server.url).pathname.slice(1)],
      { input: `${sql}\n`, env: postgresEnvironment(), cwd: dirname(dataDir), ...account },
    );
    expect(done.stderr).not.toMatch(/ERROR|FATAL/);
    return done.stdout;
  }

  it('answers on its port as the process that was started', async () => {
    const request = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
    // The answer to a request for TLS is one letter.
    expect(await exchange(server.port, request, /[SN]/)).toMatch(/^[SN]/);
    const pidFile = readFileSync(join(server.dataDir, 'postmaster.pid'), 'utf8').split('\n');
    expect(pidFile[0]).toBe(String(server.pid));
    expect(pidFile[3]).toBe(String(server.port));
  });

  it('keeps its data over a stop, a start, SIGKILL and a recovery', async () => {
    await server.stop();
    await alone('CREATE TABLE kept AS SELECT 42 AS answer');
    await server.restart();
    await server.kill();
    await server.restart();
    await server.stop();
    expect(await alone('SELECT answer FROM kept')).toContain('answer = "42"');
  });

  it('starts on the data of an earlier start with the same password', async () => {
    await server.stop();
    const before = server;
    server = await startPostgres({ dir: folder.path, fast: true, port: before.port });
    expect(server.url).toBe(before.url);
  });

  it('refuses data that another server has open', async () => {
    await expect(startPostgres({ dir: folder.path, fast: true })).rejects.toThrow(/already runs on/);
  });
});
