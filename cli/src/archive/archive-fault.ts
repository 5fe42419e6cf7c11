/** The archive is not what was written, or does not belong to this log. The message says what is wrong and where. */
export class ArchiveFault extends Error {
  override name = 'ArchiveFault';
}
