import type { VerifiedTable, VerifyReport } from '@parley/projector';
import { expect, it } from 'vitest';
import { renderVerification } from './render-verification.ts';

const clean: VerifyReport = {
  ...{ epoch: 'e1', lanes: [{ lane: 0, sequence: 9 }], sample: 100, misfit: null, logBegins: 1 },
  ...{ rows: 0, clean: true },
  ...{ tables: [], parked: { keys: 0, commits: 0 }, parkedOnce: { live: [], log: [] } },
};

it('what waits as dead letters is told with what to do about each', () => {
  const text = renderVerification({
    ...clean,
    parked: { keys: 2, commits: 5 },
    parkedOnce: {
      live: [{ key: 'conv.a', sequence: 3, subject: 's', reason: 'x' }],
      log: [{ key: 'user.b', sequence: 4, subject: 's', reason: 'event 1 lacks an attribute' }],
    },
  });
  expect(text).toContain(
    '5 commits of 2 conversations or users wait as dead letters: parley dead-letters list',
  );
  expect(text).toContain('parley dead-letters retry conv.a, or, if that fails again, parley rebuild');
  expect(text).toContain('user.b cannot be folded from commit 4 on');
  expect(text).toContain('event 1 lacks an attribute');
});

it('a sample is told as what it is, and one of nothing as no answer', () => {
  const equal = { missing: 0, extra: 0, different: 0, first: null, events: [] };
  const tables: VerifiedTable[] = [
    { table: 'conversations', rows: { left: 12, right: 12 }, ...equal },
    { table: 'messages', rows: { left: 28_200, right: 28_200 }, ...equal },
  ];
  const sampled = renderVerification({ ...clean, sample: 5, tables, rows: 28_212 });
  expect(sampled).toMatch(/\nThe sample \(12 conversations, 28,212 rows\) is what the log says\.$/);
  const nothing = renderVerification({ ...clean, sample: 5, clean: false });
  expect(nothing).toContain('Nothing was compared: no row is of 5 % of all conversations and users.');
  expect(nothing).not.toContain('what the log says');
});

it('a read model that does not fit the log is told with the rebuild that helps', () => {
  const misfit = 'lane 0 is at 3, the log begins at 9';
  expect(renderVerification({ ...clean, misfit, clean: false })).toMatch(
    /at 3, the log begins.*parley rebuild\./s,
  );
  expect(renderVerification({ ...clean, misfit, clean: false, logBegins: 9 })).toContain(
    'parley rebuild --from-archive <folder>',
  );
});

it('texts of the rows cannot write to the terminal, and long ones are cut', () => {
  const evil = '\u009b31m\u202e\u001b[2J';
  const first: NonNullable<VerifiedTable['first']> = {
    ...{ kind: 'different', key: { emoji: evil }, columns: ['body'] },
    ...{ left: { body: evil }, right: { body: 'x'.repeat(70_000) } },
  };
  const table = { table: 'messages', rows: { left: 1, right: 1 }, missing: 0, extra: 0, different: 1 };
  const text = renderVerification({ ...clean, clean: false, tables: [{ ...table, first, events: [] }] });
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
  expect(text.length).toBeLessThan(2_000);
});
