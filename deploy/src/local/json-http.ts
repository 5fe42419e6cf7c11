import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FieldError } from './token-request.ts';

const bodyLimit = 16 * 1_024;

export interface Problem {
  title: string;
  status: number;
  code: string;
  detail: string;
  errors?: FieldError[];
}

/** An RFC 9457 answer, thrown. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

export function invalidRequest(detail: string, errors: FieldError[]): ProblemError {
  return new ProblemError({ title: 'Invalid request', status: 400, code: 'invalid-request', detail, errors });
}

export async function readJson(request: IncomingMessage): Promise<unknown> {
  const text = await readText(request);
  try {
    return JSON.parse(text);
  } catch {
    throw invalidRequest('The body is not JSON.', [{ path: '', message: 'must be JSON' }]);
  }
}

export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  return new URLSearchParams(await readText(request));
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyLimit) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json', body);
}

export function sendProblem(response: ServerResponse, problem: Problem): void {
  // The rest of a body that was too large is not read.
  if (problem.status === 413) response.setHeader('connection', 'close');
  send(response, problem.status, 'application/problem+json', { type: 'about:blank', ...problem });
}

function send(response: ServerResponse, status: number, type: string, body: unknown): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(JSON.stringify(body));
}

function tooLarge(): ProblemError {
  return new ProblemError({
    title: 'Payload too large',
    status: 413,
    code: 'payload-too-large',
    detail: `The body is larger than ${bodyLimit} bytes.`,
  });
}
