import type { RebuildProgress } from '@parley/projector';
import type { Progress, Work } from '../progress.ts';

const TITLES = {
  load: 'folding the log',
  index: 'making indexes',
  compare: 'comparing with the live tables',
} as const;

const UNITS = { load: 'commits', index: 'indexes', compare: '' } as const;

/** A rebuild's phases as bars, each from where it begins. */
export function showProgress(progress: Progress): RebuildProgress & { done(): void } {
  let work: Work | null = null;
  let reached = 0;
  const done = (): void => {
    work?.stop();
    work = null;
  };
  return {
    say: (text) => progress.say(text),
    phase(name, total) {
      done();
      reached = 0;
      work = progress.start(TITLES[name], total, undefined, UNITS[name]);
    },
    reached(now) {
      work?.advance(Math.max(0, now - reached));
      reached = Math.max(reached, now);
    },
    done,
  };
}
