import type { PinsAnswer } from '@parley/contracts';
import { enter } from '../access.ts';
import type { QueryRequest } from '../read-query.ts';
import type { Snapshot } from '../snapshot.ts';
import { messageViewsOf } from './message-view.ts';

interface PinRow {
  ordinal: number;
  at: Date;
  by: string;
}

/** Pinned messages, the last pinned first; without those that are deleted, expired or hidden by the reader. */
export async function readPins(
  { client, asOf }: Snapshot,
  { params: { conversationId }, principal }: QueryRequest<'pins'>,
): Promise<PinsAnswer> {
  const entry = await enter(client, 'pins', conversationId, principal);
  const { rows } = await client.query<PinRow>({
    name: 'pins',
    text: `select ordinal, at, by from (
        select distinct on (ordinal) ordinal, at, by, version, pinned from read_model.pins
        where conversation_id = $1 and ordinal >= $2 order by ordinal, version desc) latest
      where pinned order by version desc`,
    values: [conversationId, entry.first],
  });
  const refs = rows.map(({ ordinal }) => ({ conversationId, ordinal }));
  const views = await messageViewsOf(client, principal.userId, refs);
  const items = rows.flatMap(({ ordinal, at, by }) => {
    const message = views.get(`${conversationId}/${ordinal}`);
    return message && !message.deleted ? [{ message, pinnedAt: at.toISOString(), pinnedBy: by }] : [];
  });
  return { asOf, items };
}
