import type { RecordedEvent } from '@parley/contracts';

/** An event is in the log of an aggregate that it is not of: some writer is wrong, and a fold would hide it. */
export class MisplacedEvent extends Error {
  override name = 'MisplacedEvent';

  constructor(event: RecordedEvent, owner: string) {
    super(`event ${event.id} is ${event.type} of ${event.subject} in the log of ${owner}`);
  }
}
