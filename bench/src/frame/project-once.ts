import { setTimeout as after } from 'node:timers/promises';
import { openPool } from './pool.ts';
import { startService } from './service.ts';

const POLL_MS = 20;
/** Only a projector that is broken needs longer for some hundred commits. */
const DEADLINE_MS = 60_000;

/**
 * Runs the projector until the read model holds so many memberships: the gateway reads them there, and a projector that
 * went on would only take its CPU.
 */
export async function projectOnce(options: {
  dir: string;
  env: Record<string, string>;
  databaseUrl: string;
  members: number;
}): Promise<void> {
  const { dir, env, databaseUrl, members } = options;
  const projector = await startService({ name: 'projector', dir, env });
  const pool = openPool(databaseUrl);
  try {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const { rows } = await pool.query('SELECT count(*)::int AS members FROM read_model.members');
      if (rows[0]?.members === members) return;
      if (Date.now() > deadline) throw new Error('the projector did not write the members');
      await after(POLL_MS);
    }
  } finally {
    await pool.end();
    await projector.stop();
  }
}
