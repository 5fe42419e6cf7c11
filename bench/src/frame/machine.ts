import { arch, cpus, loadavg, platform, totalmem } from 'node:os';

export interface Machine {
  cores: number;
  cpu: string;
  memoryGb: number;
  system: string;
  node: string;
  /** One-minute load before the bench began: other work on the machine shows here. */
  loadBefore: number;
}

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cores: all.length,
    cpu: all[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${platform()} ${arch()}`,
    node: process.version,
    loadBefore: Number((loadavg()[0] ?? Number.NaN).toFixed(2)),
  };
}
