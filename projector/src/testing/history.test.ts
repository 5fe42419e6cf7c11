import { decodeCommit, encodeCommit, eventSchemas, isConversationEvent } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { historyOf, wishes } from './history.ts';

const histories = fc.sample(wishes, { numRuns: 300, seed: 7 }).map(historyOf);

describe('a made-up history', () => {
  it('holds events as their schemas want them, of every type of a conversation and its cursors', () => {
    const seen = new Set<string>();
    for (const { events } of histories.flat()) {
      const checked = decodeCommit(encodeCommit(events), { check: true });
      for (const { type } of checked) seen.add(type);
    }
    const types = Object.keys(eventSchemas).filter(
      (type) => type === 'cursors.advanced' || isConversationEvent({ type } as never),
    );
    expect([...seen].sort()).toEqual(types.sort());
  });

  it('has an owner in every conversation, and versions without a gap', () => {
    for (const commits of histories) {
      const rooms = new Set(commits.map(({ room }) => room));
      for (const room of rooms) {
        expect([...room.roles.values()]).toContain('owner');
        const own = commits.filter((commit) => commit.room === room && !commit.reads);
        const versions = own.flatMap(({ events }) => events.map(({ version }) => version));
        expect(versions).toEqual(versions.map((_, index) => index + 1));
      }
    }
  });
});
