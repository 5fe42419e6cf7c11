export type Version = readonly [major: number, minor: number, patch: number];

/** Reads the first version in the text of a `--version` answer. */
export function parseVersion(text: string): Version | undefined {
  const match = /(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(text);
  if (!match) return undefined;
  return [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)];
}

export function atLeast(version: Version, minimum: Version): boolean {
  for (const place of [0, 1, 2] as const) {
    if (version[place] !== minimum[place]) return version[place] > minimum[place];
  }
  return true;
}

export function formatVersion(version: Version): string {
  return version.join('.');
}
