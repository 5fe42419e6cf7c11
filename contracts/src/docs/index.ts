export { asyncApiOfLog } from './asyncapi-log.ts';
export { asyncApiOfSocket } from './asyncapi-socket.ts';
export { eventsPage } from './events-page.ts';
export { openApiOfCommands } from './openapi-commands.ts';
export { openApiOfQueries } from './openapi-queries.ts';
export { commandPages, type Page, queryPages } from './pages.ts';
