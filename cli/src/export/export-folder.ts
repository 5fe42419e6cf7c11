import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../run-command.ts';
import type { Format } from './part.ts';

const STATE = 'export.json';
const UNFINISHED = '.unfinished';

const stateSchema = z.object({
  export: z.literal(1),
  epoch: z.string(),
  format: z.enum(['ndjson', 'parquet']),
  /** The parts begin after this sequence. */
  after: z.int().min(0),
  /** Where the log began when the export was: above 1, retention had removed what was before. */
  logBegins: z.int().min(1).default(1),
  withoutTexts: z.boolean(),
});

/** What every part of a folder has in common. */
export type ExportState = z.infer<typeof stateSchema>;

const suffixes: Record<Format, string> = { ndjson: '.ndjson.gz', parquet: '.parquet' };

/** What an earlier run said of this folder, or null when it holds no export. */
export async function readState(dir: string): Promise<ExportState | null> {
  const path = join(dir, STATE);
  try {
    return stateSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new UsageError(`${path} is not what an export left there: export to another folder.`);
  }
}

/** Makes the folder of a new export. Throws UsageError when there is something else in it. */
export async function makeFolder(dir: string, state: ExportState): Promise<void> {
  await mkdir(dir, { recursive: true });
  const others = (await readdir(dir)).filter((name) => !name.endsWith(UNFINISHED));
  if (others.length > 0)
    throw new UsageError(`${dir} is not empty and holds no export: give another folder.`);
  await writeDurably(dir, STATE, `${JSON.stringify(state, null, 2)}\n`);
}

/**
 * The sequence through which the folder's parts reach, without a hole. What a killed run left unfinished is removed.
 * Throws UsageError when a part is missing: what comes after it cannot be believed.
 */
export async function finishedThrough(dir: string, { after, format }: ExportState): Promise<number> {
  const names = await readdir(dir);
  const unfinished = names.filter((name) => name.endsWith(UNFINISHED));
  await Promise.all(unfinished.map((name) => rm(join(dir, name), { force: true })));
  let through = after;
  for (const name of names.filter((each) => each.endsWith(suffixes[format])).sort()) {
    const [first, last] = name.split('.')[0]?.split('-').map(Number) ?? [];
    if (first !== through + 1 || last === undefined) {
      throw new UsageError(
        `${dir} has no part from ${through + 1} on, but ${name}: put it back or export anew.`,
      );
    }
    through = last;
  }
  return through;
}

/** Where a part that begins at this sequence is written until it is whole. */
export function unfinishedPath(dir: string, first: number): string {
  return join(dir, `${first}${UNFINISHED}`);
}

/** Gives a whole part its name. After this it survives a power cut. */
export async function nameFinished(
  dir: string,
  { format }: ExportState,
  { first, last }: { first: number; last: number },
): Promise<void> {
  const [from, to] = [first, last].map((sequence) => String(sequence).padStart(12, '0'));
  await renameDurably(dir, unfinishedPath(dir, first), join(dir, `${from}-${to}${suffixes[format]}`));
}

async function writeDurably(dir: string, name: string, text: string): Promise<void> {
  const path = join(dir, `${name}${UNFINISHED}`);
  const file = await open(path, 'w');
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
  await renameDurably(dir, path, join(dir, name));
}

async function renameDurably(dir: string, from: string, to: string): Promise<void> {
  await sync(from);
  await rename(from, to);
  await sync(dir);
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
