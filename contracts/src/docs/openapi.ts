import { z } from 'zod';
import { type ErrorCode, errorCatalogue } from '../errors.ts';
import { HEADERS } from '../http.ts';
import { positionSchema } from '../position.ts';
import type { Json, SchemaBook } from './json-schema.ts';

/** What the two APIs say in the same words: who may call, how refusals look, which headers travel. */
export const OPENAPI_VERSION = '3.1.0';
export const API_VERSION = '1';
export const JSON_TYPE = 'application/json';

export const bearer = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: 'A token of the configured issuer; its subject is the user.',
};

/** A request of any route may end in one of these. */
const everywhere: ErrorCode[] = [
  'invalid-request',
  'unauthenticated',
  'token-expired',
  'token-revoked',
  'rate-limited',
  'internal',
  'unavailable',
  'overloaded',
];

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(Object.keys(errorCatalogue) as [ErrorCode, ...ErrorCode[]]),
  detail: z.string().optional(),
  instance: z.string().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  retryAfterMs: z.int().optional(),
});

/** The parts of one document that its operations refer to. */
export class OpenApiParts {
  readonly book: SchemaBook;
  readonly responses: Record<string, Json> = {};

  constructor(book: SchemaBook) {
    this.book = book;
    book.share('Problem', { description: 'RFC 9457.', ...book.of(problemSchema, 'Problem', 'output') });
  }

  /** One response per status that the codes have, each naming its codes. */
  problems(codes: readonly ErrorCode[]): Record<string, { $ref: string }> {
    const byStatus = new Map<number, ErrorCode[]>();
    for (const code of [...new Set([...everywhere, ...codes])].sort()) {
      const { status } = errorCatalogue[code];
      byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
    }
    return Object.fromEntries(
      [...byStatus].map(([status, each]) => [String(status), this.#problem(status, each)]),
    );
  }

  #problem(status: number, codes: ErrorCode[]): { $ref: string } {
    const name = [status, ...codes].join('.');
    const waits = codes.some(
      (code) => errorCatalogue[code].status === 429 || errorCatalogue[code].status === 503,
    );
    this.responses[name] ??= {
      description: codes.map((code) => `\`${code}\`: ${errorCatalogue[code].title}.`).join('\n\n'),
      ...(waits && {
        headers: { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' } } },
      }),
      content: {
        'application/problem+json': {
          schema: { $ref: '#/components/schemas/Problem', properties: { code: { enum: codes } } },
        },
      },
    };
    return { $ref: `#/components/responses/${name}` };
  }

  /** `Parley-Position`, which every answer of the log's state carries. */
  positionHeader(): Json {
    return {
      [headerName(HEADERS.position)]: {
        description: `The position of the answer; a query with it as ${headerName(HEADERS.minPosition)} sees at least that.`,
        schema: this.book.of(positionSchema, 'header'),
      },
    };
  }

  /** Health and metrics: the same routes on every service, for operators. */
  operatorPaths(): Json {
    const get = (summary: string, type: string, description: string, more: Json = {}): Json => ({
      get: {
        tags: ['operation'],
        summary,
        security: [],
        responses: { 200: { description, content: { [type]: { schema: {} } } }, ...more },
      },
    });
    const away = {
      503: { description: 'Not ready; each failing check is named.', content: { [JSON_TYPE]: {} } },
    };
    return {
      '/health/live': get('Whether the process runs', JSON_TYPE, 'It does.'),
      '/health/ready': get('Whether it can serve', JSON_TYPE, 'It can.', away),
      '/metrics': get('Metrics for Prometheus', 'text/plain', 'All metrics.'),
    };
  }
}

/** As people write it: `idempotency-key` → `Idempotency-Key`. */
export function headerName(lowerCase: string): string {
  return lowerCase.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
