/** Nothing was removed, because something must be put right first; the message says what. */
export class RetentionRefused extends Error {
  override name = 'RetentionRefused';
}
