/** A problem the person at the keyboard can fix. The message says how, so it is printed without a stack trace. */
export class SetupError extends Error {
  override name = 'SetupError';
}
