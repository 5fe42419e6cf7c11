import { type CommitItem, formatPosition, parsePosition, type ServerFrame } from '@parley/contracts';
import type { Wire } from '../feed.ts';

/** The client's rules C1 and C3 over a feed's frames: what a well-behaved client has seen, and where it is. */
export class ReadingClient {
  readonly seen: CommitItem[] = [];
  readonly resets: string[] = [];
  readonly revoked: string[] = [];
  readonly faults: string[] = [];
  position: string | null = null;
  live = false;

  /** A wire to this client; `taken` decides when the bytes of a frame count as gone. */
  wire(taken: (written: () => void) => void): Wire {
    return {
      bufferedBytes: 0,
      send: (frame, written) => {
        this.read(JSON.parse(new TextDecoder().decode(frame)) as ServerFrame);
        if (written) taken(written);
      },
    };
  }

  read(frame: ServerFrame): void {
    switch (frame.t) {
      case 'commit':
        this.#apply(frame);
        break;
      case 'commits':
        for (const item of frame.items) this.#apply(item);
        break;
      case 'revoked':
        this.revoked.push(frame.conversation);
        break;
      case 'reset':
        this.resets.push(frame.reason);
        this.position = frame.position;
        break;
      case 'live':
        this.live = true;
        this.#moveTo(frame.position);
        break;
      case 'welcome':
      case 'hb':
        this.#moveTo(frame.position);
        break;
      default:
        break;
    }
  }

  #apply({ seq, events }: CommitItem): void {
    const at = this.position === null ? null : parsePosition(this.position);
    if (!at) this.faults.push(`commit ${seq} before any position`);
    else if (seq <= at.sequence) this.faults.push(`commit ${seq} after position ${at.sequence}`);
    else this.position = formatPosition(at.epoch, seq);
    this.seen.push({ seq, events });
  }

  #moveTo(position: string): void {
    const next = parsePosition(position);
    const at = this.position === null ? null : parsePosition(this.position);
    if (!next) this.faults.push(`no position: ${position}`);
    else if (at && next.epoch === at.epoch && next.sequence < at.sequence) {
      this.faults.push(`position ${next.sequence} after ${at.sequence}`);
    } else this.position = position;
  }
}
