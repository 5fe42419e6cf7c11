import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import { maskCredentials } from './config.ts';

export type { Logger } from 'pino';

/** Text under a telling name, however deep it lies in a line. */
const SECRET_FIELD = /("[\w-]*(?:authorization|token|password|cookie|secret)[\w-]*":)"(?:[^"\\]|\\.)*"/gi;
const JWT = /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g;

/**
 * A JSON logger. Every line has `time` (ISO 8601), `level`, `service` and `message`; errors are under `error`, a request
 * under `requestId`. Secrets are hidden by name, and tokens and URL credentials wherever they stand in a line.
 */
export function createLogger(
  options: { name: string; level: string },
  destination?: DestinationStream,
): Logger {
  return pino(
    {
      level: options.level,
      base: { service: options.name },
      messageKey: 'message',
      errorKey: 'error',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Not pino's `redact`: it made a request's child logger cost 1.7 µs instead of 0.3 and knows only listed paths.
      hooks: { streamWrite: hideSecrets },
    },
    destination ?? pino.destination(1),
  );
}

function hideSecrets(line: string): string {
  const masked = maskCredentials(line).replace(SECRET_FIELD, '$1"***"');
  return masked.includes('eyJ') ? masked.replace(JWT, '***') : masked;
}
