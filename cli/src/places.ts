import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readStack, type StackAddresses } from '@parley/deploy';
import { type Command, Option } from 'commander';
import { Unavailable } from './run-command.ts';

/** The checkout this build is part of. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Where a command that only needs the log may be told it is. */
export interface LogFlags {
  nats?: string;
}

/** What a command may be told about where things are. */
export interface PlaceFlags extends LogFlags {
  postgres?: string;
}

/** Where the log is. */
export interface LogPlace {
  nats: string;
  replicas: 1 | 3;
}

/** Where the log and the read models are. */
export interface Places extends LogPlace {
  postgres: string;
}

/** For every command that needs the log and nothing else. `--postgres` is taken all the same: scripts give both to all. */
export function withLog(command: Command): Command {
  return withNats(command).addOption(new Option('--postgres <url>').hideHelp());
}

/** For every command that may need the read model too. */
export function withPlaces(command: Command): Command {
  return withNats(command).option(
    '--postgres <url>',
    'where the read model is (default: DATABASE_URL, else the stack that runs in this folder)',
  );
}

function withNats(command: Command): Command {
  return command.option(
    '--nats <url>',
    'where the log is (default: NATS_URL, else the stack that runs in this folder)',
  );
}

/** Flags, then the environment that the services have too, then the stack that `npm start` runs here. */
export async function findLog({ nats: given }: LogFlags): Promise<LogPlace> {
  const nats = given ?? environment.NATS_URL ?? (await localStack())?.nats;
  if (!nats) throw notFound('--nats or NATS_URL');
  return { nats, replicas: environment.LOG_REPLICAS === '3' ? 3 : 1 };
}

/** As `findLog`, for the read model; null when nothing says where it is. */
export async function seekReadModel({ postgres }: PlaceFlags): Promise<string | null> {
  return postgres ?? environment.DATABASE_URL ?? (await localStack())?.postgres ?? null;
}

/** As `findLog`, for the read model. */
export async function findReadModel(flags: PlaceFlags): Promise<string> {
  const postgres = await seekReadModel(flags);
  if (!postgres) throw notFound('--postgres or DATABASE_URL');
  return postgres;
}

/** As `findLog`, for both. */
export async function findPlaces(flags: PlaceFlags): Promise<Places> {
  return { ...(await findLog(flags)), postgres: await findReadModel(flags) };
}

// biome-ignore lint/style/noProcessEnv: the services' variables, without their defaults: those may be somebody else's servers.
const environment = process.env;

/** What `npm start` runs in this folder, or in the checkout that this build is part of. */
export async function localStack(): Promise<StackAddresses | undefined> {
  return (await readStack(join(process.cwd(), '.parley'))) ?? (await readStack(join(ROOT, '.parley')));
}

function notFound(flags: string): Unavailable {
  return new Unavailable(
    `No Parley was found. Start one here with \`npm start\`, or say where it is: ${flags}.`,
  );
}
