/** `1 commit`, `36,398 commits`. */
export function counted(count: number, thing: string): string {
  return `${grouped(count)} ${count === 1 ? thing : `${thing}s`}`;
}

/** A number for a person: `36,398`. */
export function grouped(count: number): string {
  return count.toLocaleString('en');
}
