import { expect, test } from 'vitest';
import { planResume, type ResumePlan } from './resume.ts';

const EPOCH = '00000000-0000-4000-8000-000000000001';
const tail = { epoch: EPOCH, coveredAfter: 500, tail: 1_000 };
const bounds = { first: 101, last: 1_010 };

const cases: [why: string, since: number | null, bounds: typeof bounds | null, plan: ResumePlan][] = [
  ['no position', null, null, { kind: 'live' }],
  ['the head', 1_000, null, { kind: 'replay', from: 1_000 }],
  ['just what is in memory', 500, null, { kind: 'replay', from: 500 }],
  ['before what is in memory', 499, null, { kind: 'ask-bounds' }],
  ['before what is in memory, in the log', 499, bounds, { kind: 'read-log', from: 499 }],
  ['just before the log’s first', 100, bounds, { kind: 'read-log', from: 100 }],
  ['what retention removed', 99, bounds, { kind: 'reset', reason: 'retention' }],
  ['beyond what this process knows', 1_005, null, { kind: 'ask-bounds' }],
  ['beyond it, in the log', 1_005, bounds, { kind: 'wait', until: 1_005 }],
  ['beyond the log', 1_011, bounds, { kind: 'reset', reason: 'unknown-position' }],
];

test.each(cases)('%s', (_, since, known, plan) => {
  expect(planResume(since === null ? null : { epoch: EPOCH, sequence: since }, tail, known)).toEqual(plan);
});

test('a position of another log is worth nothing, whatever its number', () => {
  const other = { epoch: EPOCH.replace('1', '2'), sequence: 700 };
  expect(planResume(other, tail, bounds)).toEqual({ kind: 'reset', reason: 'epoch' });
});
