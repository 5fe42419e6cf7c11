export { asyncApiOfLog } from './asyncapi-log.ts';
export { eventsPage } from './events-page.ts';
export { openApiOfCommands } from './openapi-commands.ts';
export { openApiOfQueries } from './openapi-queries.ts';
export { PLAIN_POLICY, REFERENCE_POLICY, REFERENCE_SCRIPT, referencePage } from './reference-page.ts';
