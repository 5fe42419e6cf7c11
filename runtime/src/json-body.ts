import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { ProblemError } from './problem-error.ts';

/** Deeper values are refused, so that whatever walks or encodes one later cannot run out of stack. */
const MAX_DEPTH = 64;

/** Makes JSON the only body there is: valid UTF-8, no `__proto__` or `constructor.prototype` keys, bounded depth. */
export function acceptJsonOnly(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (typeof body === 'string' || !isUtf8(body)) {
      done(new ProblemError('malformed-json', { detail: 'the body is not valid UTF-8' }));
      return;
    }
    void parse(request, body.toString('utf8'), (error, value) => {
      if (error) done(error);
      else if (body.length > 2 * MAX_DEPTH && isDeeperThan(MAX_DEPTH, value)) {
        done(new ProblemError('malformed-json', { detail: `values nest deeper than ${MAX_DEPTH}` }));
      } else done(null, value);
    });
  });
}

/** Level by level and not by recursion: the input decides how deep it is. */
function isDeeperThan(limit: number, root: unknown): boolean {
  let level = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== 'object' || value === null) continue;
      for (const child of Object.values(value))
        if (typeof child === 'object' && child !== null) next.push(child);
    }
    level = next;
  }
  return false;
}
