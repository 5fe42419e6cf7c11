import { createLive, type Live, type ParleyClient } from '@parley/client';
import { createContext, type ReactNode, useContext, useMemo } from 'react';

interface Parley {
  client: ParleyClient;
  live: Live;
}

const ParleyContext = createContext<Parley | null>(null);

/**
 * One for each client, however often a provider is mounted: it opens and closes its connection by who listens, so there
 * is nothing for an effect to clean up.
 */
const lives = new WeakMap<ParleyClient, Live>();

function liveOf(client: ParleyClient): Live {
  const live = lives.get(client) ?? createLive(client);
  lives.set(client, live);
  return live;
}

/** Gives the hooks below it the user that they are about. Another user is another client. */
export function ParleyProvider({ client, children }: { client: ParleyClient; children?: ReactNode }) {
  const parley = useMemo(() => ({ client, live: liveOf(client) }), [client]);
  return <ParleyContext.Provider value={parley}>{children}</ParleyContext.Provider>;
}

/** The client and its live views, for what no hook is there for. Throws outside of a `ParleyProvider`. */
export function useParley(): Parley {
  const parley = useContext(ParleyContext);
  if (!parley) throw new Error('there is no ParleyProvider around this component');
  return parley;
}
