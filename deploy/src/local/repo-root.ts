import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The workspace root above this file, wherever the package was built or linked. */
export function repoRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    if (isWorkspaceRoot(folder)) return folder;
    const parent = dirname(folder);
    if (parent === folder) throw new Error('no package.json with workspaces above the deploy package');
    folder = parent;
  }
}

function isWorkspaceRoot(folder: string): boolean {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return false;
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'workspaces' in manifest;
}
