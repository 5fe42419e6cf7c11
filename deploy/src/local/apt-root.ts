import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AptMachine } from './apt-machine.ts';
import { run } from './run.ts';

/** An apt of its own in a temporary folder: it reads the machine's mirrors and keyring and changes nothing of the machine. */
export interface AptRoot {
  /** The newest version that the archive has, or undefined. */
  candidate(name: string): Promise<string | undefined>;
  /** Downloads the packages and unpacks them into the folder. Those the archive does not have are left out. */
  unpack(names: readonly string[], into: string): Promise<void>;
  remove(): Promise<void>;
}

/** Undefined when no configured mirror carries the suite. */
export async function openAptRoot(machine: AptMachine, suite: string): Promise<AptRoot | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-apt-'));
  for (const uri of new Set(machine.archives.map((archive) => archive.uri))) {
    await writeRoot(folder, machine, uri, suite);
    const update = await apt(folder, 'apt-get', ['update', '--error-on=any']);
    if (update.ok) return aptRoot(folder);
  }
  await rm(folder, { recursive: true, force: true });
  return undefined;
}

function aptRoot(folder: string): AptRoot {
  return {
    async candidate(name) {
      const policy = await apt(folder, 'apt-cache', ['policy', name]);
      return /Candidate:\s+(?!\(none\))(\S+)/.exec(policy.stdout)?.[1];
    },
    async unpack(names, into) {
      for (const name of names) await download(folder, name);
      const debs = (await readdir(folder)).filter((file) => file.endsWith('.deb'));
      for (const deb of debs) await extract(join(folder, deb), into);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function download(folder: string, name: string): Promise<void> {
  await apt(folder, 'apt-get', ['download', name]);
}

async function extract(deb: string, into: string): Promise<void> {
  const done = await run('dpkg-deb', ['-x', deb, into]);
  if (!done.ok) throw new Error(`dpkg-deb could not unpack ${deb}: ${done.stderr.trim()}`);
}

function apt(folder: string, command: string, args: readonly string[]) {
  return run(command, ['-c', join(folder, 'apt.conf'), ...args], {
    cwd: folder,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  });
}

async function writeRoot(folder: string, machine: AptMachine, uri: string, suite: string): Promise<void> {
  for (const each of ['lists/partial', 'cache/archives/partial', 'parts']) {
    await mkdir(join(folder, each), { recursive: true });
  }
  const components = machine.distribution === 'ubuntu' ? 'main universe' : 'main';
  const line = `deb [signed-by=${machine.keyring}] ${uri} ${suite} ${components}\n`;
  await writeFile(join(folder, 'sources.list'), line);
  // Empty on purpose: with the machine's own status apt prefers what is installed and refuses the rest.
  await writeFile(join(folder, 'status'), '');
  await writeFile(join(folder, 'apt.conf'), configuration(folder));
}

/** Read after the machine's own files, so proxies stay and hooks (some clean the system's cache) go. */
function configuration(folder: string): string {
  const asRoot = process.getuid?.() === 0;
  return [
    `Dir::Etc::sourcelist "${folder}/sources.list";`,
    `Dir::Etc::sourceparts "${folder}/parts";`,
    `Dir::Etc::preferences "${folder}/parts/none";`,
    `Dir::Etc::preferencesparts "${folder}/parts";`,
    `Dir::State::lists "${folder}/lists";`,
    `Dir::State::status "${folder}/status";`,
    `Dir::Cache "${folder}/cache";`,
    'Acquire::Languages "none";',
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear Acquire::IndexTargets::deb::DEP-11;',
    '#clear DPkg::Post-Invoke;',
    // The sandbox user can't enter a folder of root's.
    ...(asRoot ? ['APT::Sandbox::User "root";'] : []),
    '',
  ].join('\n');
}
