import { expect, it } from 'vitest';
import { inLines } from './progress.ts';

function listening(signal: AbortSignal) {
  const lines: string[] = [];
  return { lines, progress: inLines((line) => lines.push(line), signal) };
}

it('what is counted stands by the number, and details come last', () => {
  const { lines, progress } = listening(new AbortController().signal);
  const work = progress.start('removing', 1_073, () => '1,662 commits', 'subjects');
  work.advance(1_073);
  work.stop();
  expect(lines).toEqual([
    expect.stringMatching(/^removing: 1,073 of 1,073 subjects in \d+\.\d s, 1,662 commits$/),
  ]);
});

it('work that ended although it was to be stopped is told as done', () => {
  const stopping = new AbortController();
  const { lines, progress } = listening(stopping.signal);
  const work = progress.start('comparing', 1);
  stopping.abort();
  work.advance();
  work.stop();
  const cut = progress.start('folding', 2);
  cut.stop();
  expect(lines).toEqual([expect.stringMatching(/^comparing: 1 of 1 in /), 'folding: stopped at 0 of 2']);
});
