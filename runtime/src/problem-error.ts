import { type ErrorCode, errorCatalogue, type ProblemExtras } from '@parley/contracts';

/** Thrown anywhere below HTTP or a socket: the client sees the code and the extras, so they must tell it no secret. */
export class ProblemError extends Error {
  override name = 'ProblemError';
  readonly code: ErrorCode;
  readonly extras: ProblemExtras;

  constructor(code: ErrorCode, extras: ProblemExtras = {}) {
    super(extras.detail ?? errorCatalogue[code].title);
    this.code = code;
    this.extras = extras;
  }
}
