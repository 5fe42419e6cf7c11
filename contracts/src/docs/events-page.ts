import { dataschemaOf, type EventType, eventSchemas } from '../events.ts';
import { type Channel, channelOf } from './event-channels.ts';
import { eventWords, olderVersionWords } from './event-words.ts';
import { type Json, SchemaBook } from './json-schema.ts';

const headings: Record<Channel, string> = {
  conversation: 'In a conversation: its members learn of them',
  user: 'Of a user: nobody else learns of them',
  reads: 'Cursors',
};

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%;font-size:14px}td,th{border-top:1px solid #ddd;padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top}
h3{margin:2rem 0 0}nav a{margin-right:.8rem;white-space:nowrap}small{color:#667}
@media(prefers-color-scheme:dark){body{background:#16171a;color:#ddd}td,th{border-color:#333}a{color:#8ab4f8}}`;

/** The catalogue of events as one HTML page without scripts: type, version, fields, meaning. */
export function eventsPage(): string {
  const book = new SchemaBook({ io: 'output' });
  const types = Object.keys(eventSchemas) as EventType[];
  const schemas = new Map(types.map((type) => [type, book.of(eventSchemas[type].data, type)]));
  const sections = (Object.keys(headings) as Channel[]).map((channel) => {
    const events = types.filter((type) => channelOf(type) === channel);
    return `<h2>${headings[channel]}</h2>${events.map((type) => entry(type, schemas.get(type) ?? {}, book)).join('\n')}`;
  });
  const links = types.map((type) => `<a href="#${type}">${type}</a>`).join(' ');
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Parley events</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style><h1>Parley events</h1>
<p>Events are CloudEvents 1.0: <code>type</code> and <code>data</code> are listed here; <code>time</code>, <code>actor</code>, <code>version</code> and
<code>commandid</code> stand beside them. An event that was stored in an older version is read as the current one.
For tools: <a href="asyncapi.json">AsyncAPI 3</a>. The commands that cause them: <a href="../docs">docs</a>.</p>
<nav>${links}</nav>${sections.join('\n')}</html>
`;
}

function entry(type: EventType, schema: Json, book: SchemaBook): string {
  const { version } = eventSchemas[type];
  const older = Array.from({ length: version - 1 }, (_, index) => {
    return `<p><small>Version ${index + 1}: ${text(olderVersionWords[`${type}:${index + 1}`] ?? '')}</small></p>`;
  });
  const rows = fieldRows(schema, '', book);
  const fields =
    rows.length === 0
      ? '<p>No fields.</p>'
      : `<table><tr><th>field<th>type<th>meaning${rows.join('')}</table>`;
  return `<section id="${type}"><h3><code>${type}</code> <small>version ${version}</small></h3>
<p>${text(eventWords[type])}<br><small><code>${dataschemaOf(type)}</code></small></p>${fields}${older.join('')}</section>`;
}

/** One row a field; those of objects in it follow with their path. */
function fieldRows(schema: Json, path: string, book: SchemaBook): string[] {
  const required = new Set((schema.required ?? []) as string[]);
  return Object.entries((schema.properties ?? {}) as Record<string, Json>).flatMap(([name, field]) => {
    const at = `${path}${name}`;
    const optional = required.has(name) ? '' : '?';
    const row = `<tr><td><code>${at}${optional}</code><td>${text(typeOf(field))}<td>${text(String(field.description ?? ''))}`;
    const items = field.items as Json | undefined;
    return [row, ...fieldRows(field, `${at}.`, book), ...(items ? fieldRows(items, `${at}[].`, book) : [])];
  });
}

function typeOf(schema: Json): string {
  if (typeof schema.$ref === 'string') return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
  if ('const' in schema) return JSON.stringify(schema.const);
  if (Array.isArray(schema.enum)) return schema.enum.join(' | ');
  const either = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(either)) return either.map((each) => typeOf(each)).join(' | ');
  if (schema.type === 'array') return `${typeOf(schema.items as Json)}[]`;
  if (schema.format === 'date-time') return 'time';
  return String(schema.type ?? 'any');
}

function text(plain: string): string {
  return plain
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/`([^`]+)`/g, '<code>$1</code>');
}
