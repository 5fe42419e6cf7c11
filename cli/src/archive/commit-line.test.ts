import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCommitLine, encodeCommitLine } from './commit-line.ts';

const place = { sequence: 7, subject: 'evt.01.conv.a', commitId: 'c-1', storedAt: 1_700_000_000_123 };

/** Payloads of every kind: events as they are written, JSON as others write it, and what is no JSON at all. */
const payload = fc.oneof(
  fc.json().map((text) => Buffer.from(text)),
  fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value, null, 2))),
  fc.string({ unit: 'binary' }).map((text) => Buffer.from(JSON.stringify([{ body: `${text}\n\r\u2028` }]))),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom('', ' ', '[]\r', '\uFEFF[]', '{"a":1,"a":2}', '"\\ud800"', ' [1e400, -0]\t', '}', 'null\n')
    .map((text) => Buffer.from(text)),
);

const commit = fc.record({
  sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  subject: fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom(',"events":', '","base64":"', '}', '\n'),
  ),
  commitId: fc.oneof(fc.uuid(), fc.string({ unit: 'binary' }), fc.constant(',"events":')),
  storedAt: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  payload,
});

describe('a commit as a line', () => {
  test('comes back byte for byte, whatever it holds, and is one line', () => {
    fc.assert(
      fc.property(commit, (record) => {
        const line = encodeCommitLine(record);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        const { payload: bytes, ...back } = decodeCommitLine(line.subarray(0, -1));
        expect({ ...back, payload: Buffer.from(bytes).toString('hex') }).toEqual({
          ...record,
          payload: record.payload.toString('hex'),
        });
      }),
      { numRuns: 2_000 },
    );
  });

  test('is JSON that any reader understands', () => {
    fc.assert(
      fc.property(commit, (record) => {
        const { events, base64, ...back } = JSON.parse(encodeCommitLine(record).toString('utf8'));
        const { payload: bytes, ...wanted } = record;
        expect(back).toEqual(wanted);
        if (base64 === undefined) expect(events).toEqual(JSON.parse(bytes.toString('utf8')));
        else expect(base64).toBe(bytes.toString('base64'));
      }),
    );
  });

  test.each([
    ['events of one line', '[{"body":"a\\nb"}]', 'events'],
    ['JSON over two lines', '[1,\n2]', 'base64'],
    ['JSON with a carriage return', '[1,\r2]', 'base64'],
    ['nothing', '', 'base64'],
    ['text that is no JSON', 'hello', 'base64'],
    ['a byte order mark', '\uFEFF[]', 'base64'],
  ])('keeps %s as it should be kept', (_, text, key) => {
    const line = encodeCommitLine({ ...place, payload: Buffer.from(text) }).toString('utf8');
    expect(
      line.startsWith(
        `{"sequence":7,"subject":"evt.01.conv.a","commitId":"c-1","storedAt":1700000000123,"${key}":`,
      ),
    ).toBe(true);
  });

  test('keeps bytes that are no UTF-8 as base64', () => {
    const line = encodeCommitLine({ ...place, payload: Buffer.from([0x22, 0xc3, 0x28, 0x22]) });
    expect(JSON.parse(line.toString('utf8'))).toMatchObject({ base64: 'IsMoIg==' });
  });

  test.each([
    '',
    '{}',
    '{"archive":1}',
    '{"sequence":1,"events":[]}',
    '{"sequence":"1","subject":"s","commitId":"c","storedAt":1,"events":[]}',
    '{"sequence":1,"subject":"s","commitId":"c","events":[]}',
    '{"sequence":1,"subject":"s","commitId":"c","storedAt":1,"events":[]',
    'x{"sequence":1,"subject":"s","commitId":"c","storedAt":1,"events":[]}',
  ])('is refused when it is %j', (line) => {
    expect(() => decodeCommitLine(Buffer.from(line))).toThrow(/line/);
  });
});
