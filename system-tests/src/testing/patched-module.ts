import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** One place in one module of a service as it is loaded; `right` must be in it exactly once. */
interface Patch {
  /** How the module's address ends. */
  module: string;
  right: string;
  wrong: string;
}

/**
 * The environment of a process that is the one that was built but for this place: a release with a bug, made without
 * touching any file of it. Such a process does not start when the place is not there.
 */
export async function withPatch(dir: string, patch: Patch): Promise<{ NODE_OPTIONS: string }> {
  const hooks = join(dir, 'patch-hooks.mjs');
  const register = join(dir, 'patch.mjs');
  await writeFile(
    hooks,
    `import { readFile } from 'node:fs/promises';
     import { fileURLToPath } from 'node:url';
     const { module, right, wrong } = ${JSON.stringify(patch)};
     export async function load(url, context, next) {
       if (!url.endsWith(module)) return next(url, context);
       const parts = (await readFile(fileURLToPath(url), 'utf8')).split(right);
       if (parts.length !== 2) throw new Error(url + ' has ' + (parts.length - 1) + ' times: ' + right);
       return { format: 'module', source: parts.join(wrong), shortCircuit: true };
     }`,
  );
  await writeFile(
    register,
    `import { register } from 'node:module'; register(${JSON.stringify(pathToFileURL(hooks).href)});`,
  );
  return { NODE_OPTIONS: `--import=${pathToFileURL(register).href}` };
}
