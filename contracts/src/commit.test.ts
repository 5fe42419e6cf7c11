import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CorruptCommit, decodeCommit, encodeCommit, type RecordedEvent } from './commit.ts';
import { dataschemaOf, type EventType, eventSchemas, isKnown, type LogEvent } from './events.ts';
import { upcast } from './upcasters.ts';

const fixtures = new URL('../fixtures/events/', import.meta.url);
const golden = (file: string): Uint8Array => readFileSync(new URL(file, fixtures));
const files = readdirSync(fixtures).sort();
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

describe('events in the log', () => {
  test('have a golden file for each type and version there ever was', () => {
    const wanted = Object.entries(eventSchemas).flatMap(([type, { version }]) =>
      Array.from({ length: version }, (_, index) => `${type}.v${index + 1}.json`),
    );
    expect(files).toEqual(wanted.sort());
  });

  test.each(files)('%s still decodes, to the current version', (file) => {
    const [event, ...more] = decodeCommit(golden(file), { check: true });
    expect(more).toEqual([]);
    expect(event && isKnown(event)).toBe(true);
    expect(`${event?.type}.v`).toBe(file.slice(0, file.lastIndexOf('v') + 1));
    const schema = eventSchemas[event?.type as EventType];
    // Nothing in the file that the schema does not know: what is decoded is what was meant.
    expect(schema.data.parse(event?.data)).toEqual(event?.data);
    expect(decodeCommit(golden(file))).toEqual([event]);
  });

  test('come back from bytes as they went in, in order', () => {
    const events = files.flatMap((file) => decodeCommit(golden(file), { check: true })) as LogEvent[];
    expect(decodeCommit(encodeCommit(events), { check: true })).toEqual(events);
  });

  test('of an unknown type are kept as they are', () => {
    const [event] = JSON.parse(Buffer.from(golden('message.sent.v1.json')).toString());
    const unknown = {
      ...event,
      type: 'poll.opened',
      dataschema: 'urn:parley:event:poll.opened:9',
      data: { a: [1] },
    };
    expect(decodeCommit(bytes([unknown]), { check: true })).toEqual([unknown]);
  });
});

describe('a corrupt commit', () => {
  const [sent] = JSON.parse(Buffer.from(golden('message.sent.v1.json')).toString()) as [RecordedEvent];
  const faults: [string, unknown][] = [
    ['no batch', { ...sent }],
    ['an empty batch', []],
    ['null in the batch', [null]],
    ['a number in the batch', [7]],
    ['an event without an id', [{ ...sent, id: undefined }]],
    ['an id that cannot be printed', [{ id: { toString: 1, valueOf: 1 } }]],
    ['data that is null', [{ ...sent, data: null }]],
    ['a version of another kind', [{ ...sent, dataschema: 'https://example.org/1' }]],
    ['a version newer than this build', [{ ...sent, dataschema: 'urn:parley:event:message.sent:99' }]],
    ['a version that never was', [{ ...sent, dataschema: 'urn:parley:event:message.sent:0' }]],
  ];

  test.each(faults)('of %s is named as one, checked or not', (_, value) => {
    expect(() => decodeCommit(bytes(value))).toThrow(CorruptCommit);
    expect(() => decodeCommit(bytes(value), { check: true })).toThrow(CorruptCommit);
  });

  test.each([
    ['data of another shape', [{ ...sent, data: { body: 7 } }], 'data.messageId'],
    ['an actor of another shape', [{ ...sent, actor: '' }], 'actor'],
    ['a time of another shape', [{ ...sent, time: 'yesterday' }], 'time'],
  ])('of %s is found by checking, which names the place', (_, value, place) => {
    expect(() => decodeCommit(bytes(value), { check: true })).toThrow(place);
  });

  test('of data too deep to check is one, too', () => {
    const text = JSON.stringify([{ ...sent, data: { ...(sent.data as object), metadata: undefined } }]);
    const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    const payload = Buffer.from(text.replace('"data":{', `"data":{"metadata":${deep},`));
    expect(() => decodeCommit(payload, { check: true })).toThrow(CorruptCommit);
  });

  test('is the only thing that any bytes can cause', () => {
    const attribute = fc.oneof(fc.string(), fc.jsonValue(), fc.constant({ toString: 1, valueOf: 1 }));
    const keys = fc.constantFrom(...Object.keys(sent));
    const damaged = fc
      .tuple(
        fc.constantFrom(...Object.keys(eventSchemas)),
        fc.array(fc.tuple(keys, attribute), { maxLength: 3 }),
        fc.jsonValue(),
      )
      .map(([type, changes, data]) => [
        { ...sent, type, dataschema: dataschemaOf(type as EventType), data, ...Object.fromEntries(changes) },
      ]);
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
      fc.array(fc.jsonValue()).map(bytes),
      damaged.map(bytes),
    );
    let decoded = 0;
    fc.assert(
      fc.property(payload, fc.boolean(), (raw, check) => {
        try {
          decodeCommit(raw, { check });
          decoded++;
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptCommit);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(decoded).toBeGreaterThan(0);
  });
});

describe('upcasting', () => {
  const { version } = eventSchemas['message.sent'];
  const mentions = { users: [], all: false, here: false };
  /** As if the event had had another shape before its first: `text` without a format. */
  const steps = {
    [`message.sent:${version - 2}`]: (data: unknown) => {
      const { text, ...rest } = data as { text: string };
      return { ...rest, body: text };
    },
    [`message.sent:${version - 1}`]: (data: unknown) => ({
      ...(data as object),
      format: 'plain',
      replies: 0,
      attachments: [],
      mentions,
    }),
  };
  const id = '01900000-0000-7000-8000-000000000000';
  const oldest = { messageId: id, ordinal: 1, text: 'hi' };

  test('brings a message that the first release stored to today, with nobody mentioned and no thread', () => {
    const [event] = decodeCommit(golden('message.sent.v1.json'), { check: true });
    const [stored] = JSON.parse(Buffer.from(golden('message.sent.v1.json')).toString());
    expect(event?.data).toEqual({ ...stored.data, replies: 0, attachments: [], mentions });
  });

  test('goes step by step from any older version to the current one', () => {
    const current = {
      messageId: id,
      ordinal: 1,
      body: 'hi',
      format: 'plain',
      replies: 0,
      attachments: [],
      mentions,
    };
    expect(upcast('message.sent', version - 2, oldest, steps)).toEqual(current);
    expect(upcast('message.sent', version - 1, { messageId: id, ordinal: 1, body: 'hi' }, steps)).toEqual(
      current,
    );
    expect(upcast('message.sent', version, current, steps)).toBe(current);
    expect(eventSchemas['message.sent'].data.safeParse(current).success).toBe(true);
    expect(oldest).toEqual({ messageId: id, ordinal: 1, text: 'hi' });
  });

  test('names the step that is missing', () => {
    expect(() => upcast('message.sent', version - 3, oldest, steps)).toThrow(
      `message.sent from version ${version - 3}`,
    );
  });
});
