export type { Check } from './demo/findings.ts';
export { BadInput } from './demo/irc-line.ts';
export type { DemoReport } from './demo/report.ts';
export { type DemoOptions, runDemo } from './demo/run-demo.ts';
export type { Progress } from './progress.ts';
export { Unavailable } from './run-command.ts';
