export { type AnalyticsAccess, analyticsAccess } from './local/analytics-access.ts';
export type { Report } from './local/report.ts';
export { SetupError } from './local/setup-error.ts';
export { startStack } from './local/stack.ts';
export { readStack, type StackAddresses, type StackInfo } from './local/stack-file.ts';
export { AlreadyRunningError, type Stack, type StackOptions } from './local/stack-options.ts';
