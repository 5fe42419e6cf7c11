import { type ClientFrame, clientFrameSchema, SOCKET_LIMITS } from '@parley/contracts';
import { ParleyError } from './parley-error.ts';

const utf8 = new TextEncoder();

/**
 * The server ends a connection for good over a frame that is none: refused here, it costs only the call. Throws
 * ParleyError.
 */
export function checkFrame(frame: ClientFrame): void {
  const parsed = clientFrameSchema.safeParse(frame);
  const issue = parsed.error?.issues[0];
  const tooLong = utf8.encode(JSON.stringify(frame)).length > SOCKET_LIMITS.frameBytes;
  if (!issue && !tooLong) return;
  const detail = issue
    ? `${issue.path.join('.')} ${issue.message}`
    : `more than ${SOCKET_LIMITS.frameBytes} bytes`;
  throw new ParleyError({ code: 'invalid-request', status: 0, detail });
}
