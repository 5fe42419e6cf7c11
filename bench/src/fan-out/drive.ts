import { cpuMicroseconds } from '../frame/cpu.ts';
import { inTime } from '../frame/in-time.ts';
import type { Sample } from '../frame/interleave.ts';
import { nowMicroseconds, percentiles } from '../frame/latency.ts';
import { onSchedule } from '../frame/on-schedule.ts';
import type { Worker } from '../frame/worker.ts';
import { stampedBody } from './marker.ts';
import type { ReceiptReport } from './receivers.ts';
import type { Room } from './room.ts';

export const BODY_BYTES = 100;
/** Longer than any honest run. */
const RUN_DEADLINE_MS = 60_000;

export interface Target {
  /** Under which its sockets were opened. */
  name: string;
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
  const end = await inTime(drive(target, messages), RUN_DEADLINE_MS);
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
    deliveriesPerCpuSecond: deliveries / (cpu / 1e6),
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

/** So many at a time, a burst every so often, whether the last one has arrived or not. */
export function bursts(options: { messages: number; everyMs: number }): Drive {
  return async (target, messages) => {
    const everywhere = reachEverywhere(target, messages);
    const stored: Promise<unknown>[] = [];
    const schedule = { everyUs: options.everyMs * 1_000, count: messages / options.messages };
    await onSchedule(schedule, (intended) => {
      // A microsecond apart, so that their order can be told.
      for (let index = 0; index < options.messages; index++) {
        stored.push(target.publish(target.room.message(stampedBody(intended + index, BODY_BYTES))));
      }
    });
    await Promise.all(stored);
    return everywhere;
  };
}

async function reachEverywhere({ receivers, sockets }: Target, messages: number): Promise<number> {
  const share = (messages * sockets) / receivers.length;
  return Math.max(...(await Promise.all(receivers.map((worker) => worker.call<number>('reach', share)))));
}
