import { type CommitRecord, type EventLog, type LogRange, readRange as readThrough } from '@parley/runtime';

/** Up to this many commits are read through rather than looked up: one ordered read runs at some 50,000 commits/s. */
const SWEEP_COMMITS = 20_000;
/** A subject costs a request and a page in memory; above this many, everything is read and most of it dropped. */
const MERGED_SUBJECTS = 64;
const SWEEP_PAGE = 500;

/** Commits of the range that may concern `subjects` (others may be among them), in log order. */
export function readRange(
  log: EventLog,
  range: LogRange,
  subjects: readonly string[],
): AsyncIterable<CommitRecord[]> {
  const sweep = range.until - range.after <= SWEEP_COMMITS || subjects.length > MERGED_SUBJECTS;
  return sweep ? readAll(log, range) : readSubjects(log, range, subjects);
}

/**
 * As `readRange`, for one subject and a reader that notices what is missing: nothing else is read through when that takes
 * more than a page.
 */
export function readSubject(log: EventLog, range: LogRange, subject: string): AsyncIterable<CommitRecord[]> {
  const sweep = range.until - range.after <= SWEEP_PAGE;
  return sweep ? readAll(log, range) : readSubjects(log, range, [subject]);
}

/** Every commit of the range, in log order. */
export function readAll(log: EventLog, range: LogRange): AsyncIterable<CommitRecord[]> {
  return readThrough(log, range, { maxBatch: SWEEP_PAGE });
}

interface Head {
  pages: AsyncIterator<CommitRecord[]>;
  page: CommitRecord[];
  index: number;
}

/** The commits of several subjects merged by sequence; each subject is read a page at a time. */
export async function* readSubjects(
  log: EventLog,
  { after, until }: LogRange,
  subjects: readonly string[],
): AsyncIterable<CommitRecord[]> {
  const heads = await Promise.all(
    subjects.map(async (subject) => {
      const head = { pages: log.read(subject, after)[Symbol.asyncIterator](), page: [], index: 0 };
      return nextPage(head);
    }),
  );
  let open = heads.filter((head) => currentOf(head) <= until);
  let page: CommitRecord[] = [];
  while (open.length > 0) {
    const first = open.reduce((lowest, head) => (currentOf(head) < currentOf(lowest) ? head : lowest));
    const record = first.page[first.index++];
    if (record) page.push(record);
    if (first.index === first.page.length) await nextPage(first);
    if (currentOf(first) > until) open = open.filter((head) => head !== first);
    if (page.length >= SWEEP_PAGE) {
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}

async function nextPage(head: Head): Promise<Head> {
  const { done, value } = await head.pages.next();
  head.page = done ? [] : value;
  head.index = 0;
  return head;
}

/** Sequence of the head's next commit; beyond every sequence when it has none. */
function currentOf(head: Head): number {
  return head.page[head.index]?.sequence ?? Number.POSITIVE_INFINITY;
}
