import type { NewReadModel } from './new-read-model.ts';

const LOOK_MS = 1_000;

/** Does the work, and says meanwhile why the tables do not take the rows: a fold waits for Postgres without an end. */
export async function tellTrouble<T>(
  next: NewReadModel,
  say: (text: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  let told: string | null = null;
  const timer = setInterval(() => {
    const { trouble } = next;
    if (trouble !== null && trouble !== told) say(trouble);
    told = trouble;
  }, LOOK_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
