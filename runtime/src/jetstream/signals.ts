import type { Signals } from '../signals.ts';
import type { NatsLink } from './connection.ts';

/** Core NATS. What is sent while disconnected is dropped here: the client would keep it, and say it too late. */
export function openSignals({ connection, connected, onReturn }: NatsLink): Signals {
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
    onReturn,
  };
}
