import type { CommandSender, StepAnswer } from './command-sender.ts';
import type { IrcLine } from './irc-line.ts';
import { RoomScript, type Step, type Turn } from './script.ts';
import type { Tally } from './tally.ts';

/** Lines read ahead, for each request in flight: enough for as many rooms of the shipped kind at once. */
const LINES_AHEAD = 1_500;

export interface PlayOptions {
  lines: AsyncIterable<IrcLine>;
  sender: CommandSender;
  tally: Tally;
  inFlight: number;
  /** Waits while listeners are too far behind what was accepted. */
  pace(): Promise<void>;
  /** Before somebody's first turn in a room. */
  enters(conversationId: string, userId: string): Promise<void>;
  /** A line has been played. */
  played(): void;
  signal?: AbortSignal | undefined;
}

interface Room {
  script: RoomScript;
  lines: IrcLine[];
  next: number;
  /** It was here before this run: its commands meet a later state than they made. */
  known: boolean;
  running: boolean;
}

/**
 * Plays a log: each room's commands one after another, at most `inFlight` rooms at a time. Reads ahead a bounded number
 * of lines. Gives the conversations played in. Rejects when the stack is away for good, or on abort.
 */
export async function play(options: PlayOptions): Promise<string[]> {
  return new Play(options).run();
}

class Play {
  readonly #options: PlayOptions;
  readonly #rooms = new Map<string, Room>();
  readonly #ready: Room[] = [];
  #active = 0;
  #ahead = 0;
  #fault: unknown;
  #moved: () => void = () => {};

  constructor(options: PlayOptions) {
    this.#options = options;
  }

  async run(): Promise<string[]> {
    const { lines, inFlight, signal } = this.#options;
    for await (const line of lines) {
      signal?.throwIfAborted();
      this.#enqueue(line);
      if (this.#fault) break;
      while (this.#ahead >= inFlight * LINES_AHEAD) await this.#movement();
    }
    while (this.#active > 0) await this.#movement();
    if (this.#fault) throw this.#fault;
    return [...this.#rooms.values()].map(({ script }) => script.conversationId);
  }

  #enqueue(line: IrcLine): void {
    let room = this.#rooms.get(line.room);
    if (!room) {
      room = { script: new RoomScript(line.room), lines: [], next: 0, known: false, running: false };
      this.#rooms.set(line.room, room);
    }
    room.lines.push(line);
    this.#ahead++;
    if (room.running) return;
    room.running = true;
    this.#ready.push(room);
    this.#fill();
  }

  #fill(): void {
    while (this.#active < this.#options.inFlight && !this.#fault) {
      const room = this.#ready.shift();
      if (!room) return;
      this.#active++;
      void this.#runRoom(room);
    }
  }

  async #runRoom(room: Room): Promise<void> {
    try {
      for (let line = room.lines[room.next]; line && !this.#fault; line = room.lines[room.next]) {
        await this.#playLine(room, line);
        forgetPlayed(room);
        this.#ahead--;
        this.#options.played();
        this.#moved();
      }
    } catch (error) {
      this.#fault ??= error;
    }
    room.lines = [];
    room.next = 0;
    room.running = false;
    this.#active--;
    this.#fill();
    this.#moved();
  }

  async #playLine(room: Room, line: IrcLine): Promise<void> {
    const { sender, tally, pace, enters, signal } = this.#options;
    for (const turn of room.script.turnsOf(line)) {
      await pace();
      if (turn.steps.some((step) => step.type === 'conversation.join')) {
        await enters(room.script.conversationId, turn.actor);
      }
      signal?.throwIfAborted();
      const answers = await sender.send(turn);
      for (const [index, answer] of answers.entries()) {
        const step = turn.steps[index];
        if (!step) continue;
        tally.add(step, answer);
        if (step.type === 'conversation.create') room.known = wasReplayed(answer);
        const surprise = surpriseOf(turn, step, answer, room.known);
        if (surprise) tally.surprise(surprise);
      }
    }
  }

  async #movement(): Promise<void> {
    if (this.#fault && this.#active === 0) throw this.#fault;
    await new Promise<void>((resolve) => {
      this.#moved = resolve;
    });
  }
}

/** Now and then only: taking the first of a long array off moves all others. */
function forgetPlayed(room: Room): void {
  room.next++;
  if (room.next < LINES_AHEAD) return;
  room.lines.splice(0, room.next);
  room.next = 0;
}

function wasReplayed(answer: StepAnswer): boolean {
  return answer.kind === 'accepted' && answer.replayed;
}

/** In a room that was played before, a reader may be gone by the end of the log: cursors have no key to know again. */
function surpriseOf(turn: Turn, step: Step, answer: StepAnswer, known: boolean): string | null {
  const expected = step.refused ?? 'accepted';
  const actual = answer.kind === 'refused' ? answer.code : 'accepted';
  if (actual === expected) return null;
  if (known && step.type === 'messages.read' && actual === 'forbidden') return null;
  const detail = answer.kind === 'refused' ? `: ${answer.detail}` : '';
  return `${step.type} by ${turn.actor} (${step.key}) was ${actual}, expected ${expected}${detail}`;
}
