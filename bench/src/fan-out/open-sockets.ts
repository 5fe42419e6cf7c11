import type { Worker } from '../frame/worker.ts';
import type { OpenOrder } from './receivers.ts';

/** Opens sockets under a name, as many as there are greetings, in equal shares over the receiving processes. */
export async function openSockets(
  receivers: readonly Worker[],
  name: string,
  order: OpenOrder,
): Promise<void> {
  const share = order.greetings.length / receivers.length;
  await Promise.all(
    receivers.map((worker, index) => {
      const greetings = order.greetings.slice(index * share, (index + 1) * share);
      return worker.call('open', { name, order: { ...order, greetings } });
    }),
  );
}
