import type { Redis } from 'ioredis';
import { chunksOf, type HeldLease, type Lease, type LeaseStore, LeasesUnavailable } from './leases.ts';

const PREFIX = 'parley:leases:';
/** Groups in one script call: a call of this size blocks Redis for well under a millisecond. */
const GROUPS_PER_CALL = 200;

/**
 * One hash per group, field = lease id, value = `<end in ms> <value>`. The server's own clock decides. The key itself
 * ends with its last lease; fields that ended before are left out by readers and swept by the next write.
 * ARGV: per key the number of its leases, then id, ttl and value of each.
 */
const PUT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = 1
for _, key in ipairs(KEYS) do
  local last = now
  local held = redis.call('HGETALL', key)
  for i = 1, #held, 2 do
    local ends = tonumber(string.match(held[i + 1], '^%d+'))
    if ends <= now then redis.call('HDEL', key, held[i]) end
  end
  local count = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, count do
    redis.call('HSET', key, ARGV[at], string.format('%d %s', now + ARGV[at + 1], ARGV[at + 2]))
    at = at + 3
  end
  for _, value in ipairs(redis.call('HVALS', key)) do
    last = math.max(last, tonumber(string.match(value, '^%d+')))
  end
  redis.call('PEXPIREAT', key, string.format('%d', last))
end`;

const READ = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local groups = {}
for index, key in ipairs(KEYS) do
  local live = {}
  local held = redis.call('HGETALL', key)
  for i = 1, #held, 2 do
    local ends, value = string.match(held[i + 1], '^(%d+) (.*)$')
    local left = tonumber(ends) - now
    if left > 0 then
      live[#live + 1] = held[i]
      live[#live + 1] = tostring(left)
      live[#live + 1] = value
    end
  end
  groups[index] = live
end
return groups`;

/** Leases in Redis. They survive its restart as far as its own persistence does. */
export function openRedisLeases(redis: Redis): LeaseStore {
  return {
    staleMs: 0,
    async put(leases) {
      const groups = chunksOf([...byGroup(leases)], GROUPS_PER_CALL);
      await call(redis, PUT, groups, ([key, held]) => ({ key, args: argumentsOf(held) }));
    },
    async read(groups) {
      const asked = chunksOf([...new Set(groups)], GROUPS_PER_CALL);
      const answers = await call(redis, READ, asked, (group) => ({ key: group, args: [] }));
      const found = new Map<string, HeldLease[]>();
      for (const [chunk, answer] of answers.entries()) {
        for (const [index, flat] of (answer as string[][]).entries()) {
          const group = asked[chunk]?.[index];
          if (group !== undefined && flat.length > 0) found.set(group, heldLeases(flat));
        }
      }
      return found;
    },
    onReturn(listener) {
      redis.on('ready', listener);
      return () => redis.off('ready', listener);
    },
  };
}

function byGroup(leases: readonly Lease[]): Map<string, Lease[]> {
  const groups = new Map<string, Lease[]>();
  for (const lease of leases) {
    const group = groups.get(lease.group);
    if (group) group.push(lease);
    else groups.set(lease.group, [lease]);
  }
  return groups;
}

function argumentsOf(leases: readonly Lease[]): (string | number)[] {
  return [leases.length, ...leases.flatMap(({ id, value, ttlMs }) => [id, Math.ceil(ttlMs), value])];
}

function heldLeases(flat: readonly string[]): HeldLease[] {
  const leases: HeldLease[] = [];
  for (let at = 0; at + 2 < flat.length; at += 3) {
    leases.push({ id: flat[at] ?? '', leftMs: Number(flat[at + 1]), value: flat[at + 2] ?? '' });
  }
  return leases;
}

/** All calls leave in one write. */
async function call<T>(
  redis: Redis,
  script: string,
  chunks: readonly T[][],
  partOf: (part: T) => { key: string; args: (string | number)[] },
): Promise<unknown[]> {
  if (chunks.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const chunk of chunks) {
    const parts = chunk.map(partOf);
    const keys = parts.map(({ key }) => PREFIX + key);
    pipeline.eval(script, keys.length, ...keys, ...parts.flatMap(({ args }) => args));
  }
  let answers: [Error | null, unknown][] | null;
  try {
    answers = await pipeline.exec();
  } catch (error) {
    throw new LeasesUnavailable('Redis does not answer', { cause: error });
  }
  return (answers ?? []).map(([error, answer]) => {
    if (error) throw new LeasesUnavailable('Redis does not answer', { cause: error });
    return answer;
  });
}
