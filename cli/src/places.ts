import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readStack } from '@parley/deploy';
import type { Command } from 'commander';
import { Unavailable } from './run-command.ts';

/** The checkout this build is part of. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What a command may be told about where things are. */
export interface PlaceFlags {
  nats?: string;
  postgres?: string;
}

/** Where the log and the read models are, and which HTTP services go with them, if that is known. */
export interface Places {
  nats: string;
  postgres: string;
  replicas: 1 | 3;
  commandApi: string | null;
  readApi: string | null;
  issuer: string | null;
}

/** Every command that works on a Parley takes these. */
export function withPlaces(command: Command): Command {
  return command
    .option('--nats <url>', 'where the log is (default: NATS_URL, else the stack that runs in this folder)')
    .option('--postgres <url>', 'where the read model is (default: DATABASE_URL, else that stack)');
}

/** Flags, then the environment that the services have too, then the stack that `npm start` runs here. */
export async function findPlaces(flags: PlaceFlags): Promise<Places> {
  // biome-ignore lint/style/noProcessEnv: the services' variables, without their defaults: those may be somebody else's servers.
  const env = process.env;
  const stack = (await readStack(join(process.cwd(), '.parley'))) ?? (await readStack(join(ROOT, '.parley')));
  const nats = flags.nats ?? env.NATS_URL ?? stack?.nats;
  const postgres = flags.postgres ?? env.DATABASE_URL ?? stack?.postgres;
  if (!nats || !postgres) {
    throw new Unavailable(
      'No Parley was found. Start one here with `npm start`, or say where it is: --nats and --postgres, ' +
        'or NATS_URL and DATABASE_URL.',
    );
  }
  return {
    nats,
    postgres,
    replicas: env.LOG_REPLICAS === '3' ? 3 : 1,
    commandApi: env.COMMAND_API_URL ?? stack?.commandApi ?? null,
    readApi: env.READ_API_URL ?? stack?.readApi ?? null,
    issuer: stack?.issuer ?? null,
  };
}
