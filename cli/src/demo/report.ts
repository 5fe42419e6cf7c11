import { type Check, passed } from './findings.ts';
import type { TallyReport } from './tally.ts';

export interface ListenerReport {
  sockets: number;
  /** Times that the demo cut a socket; connections that ended otherwise; resumes that the gateway granted. */
  cuts: number;
  losses: number;
  resumes: number;
  /** Resumes that the gateway refused, by reason. */
  resets: string[];
  /** Events received. */
  events: number;
}

export interface DemoReport {
  input: { file: string; lines: number; rooms: number };
  people: number;
  first: TallyReport;
  second: TallyReport;
  listeners: ListenerReport;
  /** Log positions after the first and the second run. */
  positions: { first: string; second: string };
  /** Seconds that the read model took to reach the log's end after the last command. */
  catchUpSeconds: number;
  checks: Check[];
  clean: boolean;
}

/** The report as text for people; `paint` may colour a word. */
export function renderReport(report: DemoReport): string {
  const { first, second, listeners, input } = report;
  const rows: [string, string][] = [
    ['input', `${count(input.lines)} lines of ${input.rooms} rooms by ${count(report.people)} people`],
    ['commands', outcomes(first)],
    [
      'messages',
      `${count(first.messages)} in ${first.seconds.toFixed(1)} s = ${rate(first.messagesPerSecond)}`,
    ],
    ['all commands', `${rate(first.commandsPerSecond)} in ${count(first.requests)} answered requests`],
    ['latency', latency(first)],
    ['sent again', `${count(first.retried)} after a failure, ${count(first.limited)} after a rate limit`],
    ['sockets', sockets(listeners)],
    ['read model', `at the log's end ${report.catchUpSeconds.toFixed(1)} s after the last answer`],
    ['second run', `${outcomes(second)} (accepted: read cursors, which stood already)`],
    ['log', `${report.positions.first} after the first run, ${report.positions.second} after the second`],
  ];
  return [
    ...table(rows),
    '',
    ...refusals(first),
    ...report.checks.flatMap(checkLines),
    '',
    report.clean ? 'Everything agrees.' : 'DIFFERENCES WERE FOUND, see above.',
  ].join('\n');
}

function outcomes({ commands, accepted, replayed, refused }: TallyReport): string {
  const parts = [`${count(accepted)} accepted`, `${count(replayed)} replayed`, `${count(refused)} refused`];
  return `${count(commands)}: ${parts.join(', ')}`;
}

function latency({ latencyMs: { p50, p90, p99, p999, max } }: TallyReport): string {
  const ms = (value: number): string => value.toFixed(1);
  return `p50 ${ms(p50)}  p90 ${ms(p90)}  p99 ${ms(p99)}  p99.9 ${ms(p999)}  max ${ms(max)} ms`;
}

function sockets({ sockets, events, cuts, losses, resumes, resets }: ListenerReport): string {
  const ends = `cut ${count(cuts)} times, lost ${count(losses)} times, resumed ${count(resumes)} times`;
  const refused =
    resets.length > 0 ? `, reset ${resets.length} times (${[...new Set(resets)].join(', ')})` : '';
  return `${sockets} received ${count(events)} events; ${ends}${refused}`;
}

function refusals({ refusals }: TallyReport): string[] {
  if (refusals.length === 0) return [];
  const lines = refusals.map(({ code, detail, count: times }) => `  ${count(times)} × ${code}: ${detail}`);
  return ['refused in the first run:', ...lines, ''];
}

function checkLines(check: Check): string[] {
  const { name, compared, differences, examples } = check;
  const verdict = passed(check) ? 'ok  ' : 'FAIL';
  const found = differences === 0 ? '' : `, ${count(differences)} differ`;
  return [
    `${verdict}  ${name}: ${count(compared)} compared${found}`,
    ...examples.map((text) => `        ${text}`),
  ];
}

function table(rows: [string, string][]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

const count = (value: number): string => value.toLocaleString('en-US');
const rate = (value: number): string => `${count(Math.round(value))}/s`;
