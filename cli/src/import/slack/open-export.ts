import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { type Entry, openPromise } from 'yauzl';
import { UsageError } from '../../run-command.ts';
import { type ExportFiles, readWhole } from './export-files.ts';

/** Opens a zip file or a folder of the same content. Rejects with UsageError when it is neither. */
export async function openExport(path: string): Promise<ExportFiles> {
  const found = await stat(path).catch(() => {
    throw new UsageError(`${path}: there is no such file or folder.`);
  });
  return found.isDirectory() ? openFolder(path) : openZip(path);
}

async function openZip(path: string): Promise<ExportFiles> {
  const fail = (error: unknown): never => {
    throw new UsageError(`${path}: no readable zip file: ${error instanceof Error ? error.message : error}`);
  };
  const zip = await openPromise(path, { lazyEntries: true, autoClose: false }).catch(fail);
  const entries = new Map<string, Entry>();
  const sizes = new Map<string, number>();
  try {
    // Names that lead out of the archive are refused by the library: it is no export.
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName.endsWith('/')) continue;
      entries.set(entry.fileName, entry);
      sizes.set(entry.fileName, entry.uncompressedSize);
    }
  } catch (error) {
    zip.close();
    fail(error);
  }
  return {
    sizes,
    async read(name) {
      const entry = entries.get(name);
      const where = `${path}: ${name}`;
      if (!entry) throw new UsageError(`${where}: there is no such file.`);
      if (!entry.canDecodeFileData()) {
        throw new UsageError(`${where}: it is encrypted, or packed in a way that is not known here.`);
      }
      const stream = await zip.openReadStreamPromise(entry).catch((error: Error) => {
        throw new UsageError(`${where}: cannot be read: ${error.message}`);
      });
      return readWhole(stream, entry.uncompressedSize, where);
    },
    close: async () => zip.close(),
  };
}

async function openFolder(path: string): Promise<ExportFiles> {
  const sizes = new Map<string, number>();
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    sizes.set(relative(path, file).split(sep).join('/'), (await stat(file)).size);
  }
  return {
    sizes,
    read: async (name) => {
      const file = join(path, name);
      return readWhole(createReadStream(file), sizes.get(name) ?? 0, file);
    },
    close: () => Promise.resolve(),
  };
}
