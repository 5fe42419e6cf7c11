import { NO_SUCH_PLACE, type StopFault } from './connection-model.ts';
import { ParleyError } from './parley-error.ts';

/** What the application can do about it. */
const REMEDIES: Readonly<Record<number, string>> = {
  4010: 'a newer connection of this device has taken over',
  4500: 'sign in again',
  4502: 'this build is too old: update the application',
  4503: 'the session was revoked: sign in again',
  4504: 'the user has too many connections: close another, then subscribe again',
};

/** The end for good of a subscription, as what its loop throws. */
export function stopError({ code, reason }: StopFault): ParleyError {
  if (code === NO_SUCH_PLACE) return new ParleyError({ code: 'invalid-request', status: 0, detail: reason });
  const remedy = REMEDIES[code] ?? 'subscribe again';
  const detail = `the server closed the connection for good: ${code} ${reason} (${remedy})`;
  return new ParleyError({
    code: code === 4500 ? 'unauthenticated' : 'connection-closed',
    status: code,
    detail,
  });
}
