import { readFile } from 'node:fs/promises';
import { userIdSchema } from '@parley/contracts';
import { z } from 'zod';
import { UsageError } from '../run-command.ts';

const mapSchema = z.record(z.string(), userIdSchema);

/** Whom the people of a source are here. */
export type UserMap = ReadonlyMap<string, string>;

/** Reads `{"<id there>": "<user id here>"}`; without a file nobody is in it. */
export async function readUserMap(file: string | undefined): Promise<UserMap> {
  if (file === undefined) return new Map();
  try {
    return new Map(
      Object.entries(mapSchema.parse(JSON.parse(new TextDecoder().decode(await readFile(file))))),
    );
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    const fault = issue ? `${issue.path.join('.')}: ${issue.message}` : (error as Error).message;
    throw new UsageError(
      `${file}: must be one JSON object like {"U024BE7LH": "anna"}, an id of the source with its user id. ${fault}`,
    );
  }
}
