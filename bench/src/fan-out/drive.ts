import { setTimeout as after } from 'node:timers/promises';
import { cpuMicroseconds } from '../frame/cpu.ts';
import type { Sample } from '../frame/interleave.ts';
import { nowMicroseconds, percentiles } from '../frame/latency.ts';
import type { Worker } from '../frame/worker.ts';
import { stampedBody } from './marker.ts';
import type { ReceiptReport } from './receivers.ts';
import type { Room } from './room.ts';

export const BODY_BYTES = 100;
/** Longer than any honest run: a lost message must end the bench, not hang it. */
const RUN_DEADLINE_MS = 60_000;

export interface Target {
  name: 'gateway' | 'floor';
  pid: number;
  sockets: number;
  room: Room;
  /** Resolves when the log has stored it. */
  publish(payload: Uint8Array): Promise<unknown>;
  receivers: readonly Worker[];
}

export type Drive = (target: Target, messages: number) => Promise<number>;

/** One run; throws unless every socket got every message once and in order. */
export async function measure(target: Target, drive: Drive, messages: number): Promise<Sample> {
  const { receivers, pid } = target;
  await Promise.all(receivers.map((worker) => worker.call('begin', target.name)));
  const cpuBefore = cpuMicroseconds(pid);
  const begin = nowMicroseconds();
  const end = await inTime(drive(target, messages));
  const cpu = cpuMicroseconds(pid) - cpuBefore;
  const reports = await Promise.all(receivers.map((worker) => worker.call<ReceiptReport>('report')));
  for (const report of reports) {
    if (report.fewestPerSocket !== messages || report.mostPerSocket !== messages || report.outOfOrder > 0) {
      throw new Error(
        `${target.name}: not every socket got every message once and in order: ${JSON.stringify({ ...report, latencies: '' })}`,
      );
    }
  }
  const deliveries = messages * target.sockets;
  return {
    deliveriesPerSecond: deliveries / ((end - begin) / 1e6),
    serverCpuUs: cpu / deliveries,
    messagesPerFrame: deliveries / reports.reduce((sum, { frames }) => sum + frames, 0),
    ...percentiles(reports.map(({ latencies }) => latencies)),
  };
}

/** One message after another, each when all have the one before it. */
export async function paced(target: Target, messages: number): Promise<number> {
  let end = 0;
  for (let sent = 1; sent <= messages; sent++) {
    const everywhere = reachEverywhere(target, sent);
    await target.publish(target.room.message(stampedBody(nowMicroseconds(), BODY_BYTES)));
    end = await everywhere;
  }
  return end;
}

/** All at once: the log decides how fast. */
export async function unpaced(target: Target, messages: number): Promise<number> {
  const everywhere = reachEverywhere(target, messages);
  const stored = Array.from({ length: messages }, () =>
    target.publish(target.room.message(stampedBody(nowMicroseconds(), BODY_BYTES))),
  );
  await Promise.all(stored);
  return everywhere;
}

async function reachEverywhere({ receivers, sockets }: Target, messages: number): Promise<number> {
  const share = (messages * sockets) / receivers.length;
  return Math.max(...(await Promise.all(receivers.map((worker) => worker.call<number>('reach', share)))));
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const abort = new AbortController();
  const late = after(RUN_DEADLINE_MS, undefined, { signal: abort.signal }).then(() => {
    throw new Error(`not every message arrived within ${RUN_DEADLINE_MS} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    late.catch(() => undefined);
    abort.abort();
  }
}
