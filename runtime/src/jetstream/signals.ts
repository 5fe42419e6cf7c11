import type { Signals } from '../signals.ts';
import type { NatsLink } from './connection.ts';

/** Core NATS. What is sent while disconnected is dropped here: the client would keep it, and say it too late. */
export function openSignals({ connection, connected }: NatsLink): Signals {
  const listeners = new Set<() => void>();
  void (async () => {
    for await (const { type } of connection.status()) {
      if (type === 'reconnect') for (const listener of listeners) listener();
    }
  })();
  return {
    send(subject, payload) {
      if (connected()) connection.publish(subject, payload);
    },
    listen(subject, take) {
      const subscription = connection.subscribe(subject, {
        callback: (error, message) => {
          if (!error) take(message.data);
        },
      });
      return () => subscription.unsubscribe();
    },
    onReturn(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
