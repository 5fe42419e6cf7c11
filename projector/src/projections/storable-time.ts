/**
 * A time that a client chose may be of the year 0 or have a hundred digits after the second, which Postgres refuses and
 * the lane would halt at: what is before 1970 counts as 1970, to the millisecond.
 */
export function storableTime(time: string): string {
  return new Date(Math.max(0, Date.parse(time))).toISOString();
}
