import { commandIdSchema, commandSchemas, timeOfUuidv7, userIdSchema } from '@parley/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IrcLine } from './irc-line.ts';
import { readIrcLines } from './irc-line.ts';
import { SAMPLE } from './run-demo.ts';
import { KEEPER, RoomScript, type Step, type Turn } from './script.ts';

const nick = fc.constantFrom('ann', 'bob', '|eve|', 'łukasz', 'x'.repeat(200));
const text = fc.oneof(
  { weight: 9, arbitrary: fc.string({ minLength: 1 }) },
  fc.constantFrom('', '\u0002', ' '),
);

/** Nicks meet, part and rename at will; replies point anywhere, as in a log that cannot be trusted. */
const room = fc
  .array(
    fc.record({
      kind: fc.constantFrom(
        'message',
        'message',
        'message',
        'action',
        'notice',
        'join',
        'part',
        'quit',
        'rename',
      ),
      nick,
      text,
      newNick: nick,
      reply: fc.option(fc.nat(60), { nil: undefined }),
    }),
    { maxLength: 400 },
  )
  .map((lines) => lines.map(({ reply, ...line }, index) => asLine(index, line, reply)));

function asLine(
  line: number,
  { kind, nick, text, newNick }: { kind: string; nick: string; text: string; newNick: string },
  reply?: number,
): IrcLine {
  const at = new Date(1_200_000_000_000 + line * 137).toISOString();
  const base = { room: 'r', line, at, kind: kind as IrcLine['kind'], nick };
  if (kind === 'rename') return { ...base, newNick };
  if (kind === 'join' || kind === 'part' || kind === 'quit') return base;
  return { ...base, text, ...(reply !== undefined && { replyTo: [reply] }) };
}

function turnsOf(lines: readonly IrcLine[]): Turn[] {
  const script = new RoomScript('r');
  return lines.flatMap((line) => script.turnsOf(line));
}

const stepsOf = (turns: readonly Turn[]): Step[] => turns.flatMap((turn) => turn.steps);
const say = (line: number, nick: string, text = 'hello'): IrcLine =>
  asLine(line, { kind: 'message', nick, text, newNick: '' });
const rename = (line: number, nick: string, newNick: string): IrcLine =>
  asLine(line, { kind: 'rename', nick, text: '', newNick });

describe('RoomScript', () => {
  it('gives the same commands with the same keys whenever the same lines are read', () => {
    fc.assert(
      fc.property(room, (lines) => {
        expect(turnsOf(lines)).toEqual(turnsOf(lines));
      }),
    );
  });

  it('gives every command a valid key of its own that carries the time of its line', () => {
    fc.assert(
      fc.property(room, (lines) => {
        const keys = stepsOf(turnsOf(lines)).map((step) => step.key);
        expect(new Set(keys).size).toBe(keys.length);
        const times = new Set(lines.map((line) => Date.parse(line.at)));
        for (const key of keys) {
          expect(commandIdSchema.safeParse(key).success).toBe(true);
          expect(times.has(timeOfUuidv7(key))).toBe(true);
        }
      }),
    );
  });

  it('foresees exactly those refusals that the contracts demand', () => {
    fc.assert(
      fc.property(room, (lines) => {
        for (const { actor, steps } of turnsOf(lines)) {
          expect(userIdSchema.safeParse(actor).success).toBe(true);
          for (const step of steps) {
            expect(commandSchemas[step.type].data.safeParse(step.data).success).toBe(
              step.refused === undefined,
            );
          }
        }
      }),
    );
  });

  it('never has a no-op, a stranger or a reply to what was not said: everything is accepted where it stands', () => {
    fc.assert(
      fc.property(room, (lines) => {
        const members = new Set([KEEPER]);
        const authors = new Map<string, string>();
        const deleted = new Set<string>();
        let sent = 0;
        for (const { actor, steps } of turnsOf(lines)) {
          for (const step of steps) {
            if (step.type === 'conversation.join') expect(members.has(actor)).toBe(false);
            else expect(members.has(actor)).toBe(true);
            if (step.type === 'conversation.join') members.add(actor);
            if (step.type === 'conversation.leave') members.delete(actor);
            if (step.type === 'messages.read') expect(step.data.ordinal).toBe(sent);
            if (step.type === 'message.edit' || step.type === 'message.delete') {
              expect(authors.get(step.data.messageId)).toBe(actor);
              expect(deleted.has(step.data.messageId)).toBe(false);
            }
            if (step.type === 'message.delete') deleted.add(step.data.messageId);
            if (step.type !== 'message.send') continue;
            if (step.data.replyTo !== undefined) expect(authors.has(step.data.replyTo)).toBe(true);
            if (step.refused) continue;
            authors.set(step.key, actor);
            sent++;
          }
        }
      }),
    );
  });

  it('keeps the order of the lines', () => {
    fc.assert(
      fc.property(room, (lines) => {
        const sends = stepsOf(turnsOf(lines)).filter((step) => step.type === 'message.send');
        const said = lines.filter((line) => ['message', 'action', 'notice'].includes(line.kind));
        expect(sends.map((step) => step.data.body)).toEqual(said.map((line) => line.text));
      }),
    );
  });

  it('lets a person keep their user id when they take another name', () => {
    const turns = turnsOf([
      say(0, 'ann'),
      rename(1, 'ann', 'ann_away'),
      say(2, 'ann_away'),
      rename(3, 'ann_away', 'ann'),
      say(4, 'ann'),
    ]);
    expect(turns.slice(1).map((turn) => turn.actor)).toEqual(['ann', 'ann', 'ann']);
    expect(stepsOf(turns)[3]?.data).toMatchObject({ metadata: { nick: 'ann_away' } });
  });

  it('lets who never came join before they speak, go or rename', () => {
    const turns = turnsOf([say(0, 'ann'), asLine(1, { kind: 'part', nick: 'bob', text: '', newNick: '' })]);
    expect(stepsOf(turns).map((step) => step.type)).toEqual([
      'conversation.create',
      'conversation.join',
      'message.send',
      'conversation.join',
      'conversation.leave',
    ]);
  });

  it('plays everything that the log of an IRC channel can stand for, on the shipped sample', async () => {
    const scripts = new Map<string, RoomScript>();
    const types = new Map<string, number>();
    for await (const line of readIrcLines(SAMPLE, 2)) {
      const script = scripts.get(line.room) ?? new RoomScript(line.room);
      scripts.set(line.room, script);
      for (const { type } of stepsOf(script.turnsOf(line))) types.set(type, (types.get(type) ?? 0) + 1);
    }
    expect(scripts.size).toBe(2);
    expect([...types.keys()].sort()).toEqual([
      'conversation.create',
      'conversation.join',
      'conversation.leave',
      'members.add',
      'members.remove',
      'message.delete',
      'message.edit',
      'message.send',
      'messages.read',
    ]);
  });
});
