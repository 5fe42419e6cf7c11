import { setTimeout as after } from 'node:timers/promises';
import { openPool } from '../frame/pool.ts';
import { startService } from '../frame/service.ts';

const POLL_MS = 50;
const DEADLINE_MS = 300_000;

/** Runs the projector until every lane is at the head of the log: the read model that is in use, and an independent one. */
export async function projectAll(options: {
  dir: string;
  env: Record<string, string>;
  databaseUrl: string;
  head: number;
}): Promise<{ lanes: number }> {
  const { dir, env, databaseUrl, head } = options;
  const projector = await startService({ name: 'projector', dir, env });
  const pool = openPool(databaseUrl);
  try {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      const { rows } = await pool.query(
        'SELECT count(*)::int AS lanes, coalesce(min(sequence), 0)::int AS lowest FROM read_model.checkpoints',
      );
      const { lanes, lowest } = rows[0];
      if (lanes > 0 && lowest >= head) return { lanes };
      if (performance.now() > deadline) {
        throw new Error(`the projector stays at ${lowest}:\n${projector.logTail()}`);
      }
      await after(POLL_MS);
    }
  } finally {
    await pool.end();
    await projector.stop();
  }
}
