import { asyncApiOfLog } from './asyncapi-log.ts';
import { eventsPage } from './events-page.ts';
import { openApiOfCommands } from './openapi-commands.ts';
import { openApiOfQueries } from './openapi-queries.ts';
import { PLAIN_POLICY, REFERENCE_POLICY, REFERENCE_SCRIPT, referencePage } from './reference-page.ts';

/** Something a service serves as it is; `policy` is the content security policy of a page. */
export interface Page {
  path: string;
  type: string;
  text: string;
  policy?: string;
}

const HTML = 'text/html; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

/** What the command API shows at `/docs`: its commands, and the log. */
export function commandPages(): Page[] {
  return [
    ...reference('Parley commands', openApiOfCommands()),
    { path: '/docs/asyncapi.json', type: JSON_TYPE, text: JSON.stringify(asyncApiOfLog()) },
    { path: '/docs/events', type: HTML, text: eventsPage(), policy: PLAIN_POLICY },
  ];
}

/** What the read API shows at `/docs`. */
export function queryPages(): Page[] {
  return reference('Parley queries', openApiOfQueries());
}

function reference(title: string, document: object): Page[] {
  return [
    { path: '/docs', type: HTML, text: referencePage(title), policy: REFERENCE_POLICY },
    { path: '/docs/openapi.json', type: JSON_TYPE, text: JSON.stringify(document) },
    { path: '/docs/reference.js', type: 'text/javascript; charset=utf-8', text: REFERENCE_SCRIPT },
  ];
}
