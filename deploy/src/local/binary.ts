import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from './run.ts';
import { SetupError } from './setup-error.ts';
import { atLeast, formatVersion, parseVersion, type Version } from './version.ts';

export interface Binary {
  path: string;
  version: string;
  /** What must be added to its environment. */
  env: Record<string, string>;
}

export interface BinaryWish {
  /** Executable names in the order of preference. */
  names: readonly string[];
  minimum: Version;
}

/** The variable must name a binary that fits: silently using another one would surprise its owner. */
export async function fromVariable(variable: string, wish: BinaryWish): Promise<Binary | undefined> {
  const path = process.env[variable];
  if (!path) return undefined;
  const binary = await probe(path, wish.minimum);
  if (binary) return binary;
  const needed = formatVersion(wish.minimum);
  throw new SetupError(
    `${variable} is "${path}", which does not run or is older than ${needed}. Correct it or unset it.`,
  );
}

export async function fromPath(wish: BinaryWish): Promise<Binary | undefined> {
  for (const name of wish.names) {
    for (const path of onPath(name)) {
      const binary = await probe(path, wish.minimum);
      if (binary) return binary;
    }
  }
  return undefined;
}

export async function probe(
  path: string,
  minimum: Version,
  env: Record<string, string> = {},
): Promise<Binary | undefined> {
  if (!(await isExecutable(path))) return undefined;
  const answer = await run(path, ['--version'], { env: { ...process.env, ...env }, timeoutMs: 10_000 });
  const version = answer.ok ? parseVersion(answer.stdout + answer.stderr) : undefined;
  return version && atLeast(version, minimum) ? { path, version: formatVersion(version), env } : undefined;
}

export function onPath(name: string): string[] {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, executable(name)));
}

export function executable(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name;
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
