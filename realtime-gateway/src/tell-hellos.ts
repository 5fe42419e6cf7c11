import type { Signals } from '@parley/runtime';
import { bytesOf } from './session/bytes.ts';
import { type DeviceHello, isPlace } from './session/hello-order.ts';

const SUBJECT = 'live.hellos';
const HELLOS_PER_SIGNAL = 500;
const decoder = new TextDecoder();

/**
 * Tells the gateways of each other's hellos, all of one turn of the event loop at once. Over core NATS: what is lost while
 * a connection is away is said again by whoever hears `returned`.
 */
export class HelloSignals {
  readonly #signals: Signals;
  readonly #ends: readonly (() => void)[];
  #waiting: DeviceHello[] = [];

  constructor(signals: Signals, on: { heard: (hello: DeviceHello) => void; returned: () => void }) {
    this.#signals = signals;
    this.#ends = [
      signals.listen(SUBJECT, (payload) => {
        for (const hello of readHellos(payload)) on.heard(hello);
      }),
      signals.onReturn(on.returned),
    ];
  }

  tell(hello: DeviceHello): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#send());
    this.#waiting.push(hello);
  }

  stop(): void {
    for (const end of this.#ends) end();
  }

  #send(): void {
    const hellos = this.#waiting;
    this.#waiting = [];
    for (let from = 0; from < hellos.length; from += HELLOS_PER_SIGNAL) {
      const some = hellos.slice(from, from + HELLOS_PER_SIGNAL);
      this.#signals.send(SUBJECT, bytesOf(JSON.stringify(some)));
    }
  }
}

/** Anybody may publish on the subject who may publish at all: what is not of this form is passed over. */
function readHellos(payload: Uint8Array): DeviceHello[] {
  try {
    const said: unknown = JSON.parse(decoder.decode(payload));
    return Array.isArray(said) ? said.filter(isHello) : [];
  } catch {
    return [];
  }
}

function isHello(said: unknown): said is DeviceHello {
  if (typeof said !== 'object' || said === null) return false;
  if (!('user' in said && 'device' in said && 'at' in said && 'connection' in said)) return false;
  const { user, device, at, connection } = said;
  const isNamed = typeof user === 'string' && typeof device === 'string' && typeof connection === 'string';
  return isNamed && isPlace(at);
}
