import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';

/** One line of the IRC data; its README says what the kinds are. */
export interface IrcLine {
  room: string;
  line: number;
  at: string;
  kind: 'message' | 'action' | 'join' | 'part' | 'quit' | 'rename' | 'notice';
  nick: string;
  text?: string;
  replyTo?: number[];
}

/** The lines of each room, in order. */
export async function readRooms(file: string): Promise<Map<string, IrcLine[]>> {
  const rooms = new Map<string, IrcLine[]>();
  const lines = createInterface({ input: createReadStream(file).pipe(createGunzip()) });
  for await (const text of lines) {
    const line = JSON.parse(text) as IrcLine;
    const room = rooms.get(line.room);
    if (room) room.push(line);
    else rooms.set(line.room, [line]);
  }
  return rooms;
}
