/** The log's stream; contracts name it too, and this package may not import them. */
const STREAM = 'EVT';
/** The account that the services are in and the log belongs to. */
export const SERVICES_ACCOUNT = 'PARLEY';
const ANALYTICS_ACCOUNT = 'ANALYTICS';
/** In its own account a reader finds JetStream under this prefix (`apiPrefix` of the clients). */
const API_PREFIX = 'parley';
const INBOX_PREFIX = '_INBOX_analytics';

/** Pieces of a NATS server's configuration that let one user read the log through one durable consumer. */
export interface AnalyticsAccess {
  apiPrefix: string;
  inboxPrefix: string;
  /** Into the account of the services. */
  exports: string;
  /** An account of its own, with its one user. */
  account: string;
}

/**
 * What a reader of the log needs, and nothing else: to ask for the consumer's state, to pull from it, to acknowledge.
 *
 * The reader must be in an account of its own. Permissions cover the subject that a client publishes to, not the reply
 * subject it names, and the server itself delivers there: in the services' account a pull whose reply subject is
 * `evt.00.conv.…` writes to the log. Across accounts a reply can only go back to the account that asked.
 */
export function analyticsAccess(
  consumer: string,
  login: { user: string; password: string },
): AnalyticsAccess {
  const api = (verb: string) => `CONSUMER.${verb}.${STREAM}.${consumer}`;
  const [info, next] = [api('INFO'), api('MSG.NEXT')];
  const acks = `$JS.ACK.${STREAM}.${consumer}.>`;
  const only = `accounts: [${ANALYTICS_ACCOUNT}]`;
  const from = (subject: string) => `{ account: ${SERVICES_ACCOUNT}, subject: "${subject}" }`;
  const may = [`${API_PREFIX}.${info}`, `${API_PREFIX}.${next}`, acks];
  return {
    apiPrefix: API_PREFIX,
    inboxPrefix: INBOX_PREFIX,
    exports: [
      'exports: [',
      `  { service: "$JS.API.${info}", ${only} }`,
      `  { service: "$JS.API.${next}", response_type: stream, ${only} }`,
      `  { service: "${acks}", ${only} }`,
      ']',
    ].join('\n'),
    account: [
      `${ANALYTICS_ACCOUNT} {`,
      '  imports: [',
      `    { service: ${from(`$JS.API.${info}`)}, to: "${API_PREFIX}.${info}" }`,
      `    { service: ${from(`$JS.API.${next}`)}, to: "${API_PREFIX}.${next}" }`,
      `    { service: ${from(acks)} }`,
      '  ]',
      '  users: [{',
      `    user: ${JSON.stringify(login.user)}, password: ${JSON.stringify(login.password)}`,
      '    permissions: {',
      `      publish: { allow: [${may.map((subject) => JSON.stringify(subject)).join(', ')}] }`,
      `      subscribe: { allow: ["${INBOX_PREFIX}.>"] }`,
      '    }',
      '  }]',
      '}',
    ].join('\n'),
  };
}
