import { z } from 'zod';
import { components } from './components.ts';
import { describeField } from './field-words.ts';

export type Json = { [key: string]: unknown };

interface Options {
  /** `input` is what a client sends; `output` what it gets, where fields may be added later. */
  io: 'input' | 'output';
  /** AsyncAPI tools understand draft 7 only. */
  target?: 'draft-2020-12' | 'draft-7';
  /** What a field means, where the document has words of its own. */
  fieldWords?: (owner: string, name: string) => string | undefined;
}

/** JSON Schemas of one document: named schemas are put into `shared` once and referred to. */
export class SchemaBook {
  readonly shared: Record<string, Json> = {};
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** `owner` names the schema in the map of field descriptions. Throws when two schemas claim one shared name. */
  of(schema: z.ZodType, owner: string, io = this.#options.io): Json {
    const { target = 'draft-2020-12' } = this.#options;
    const made = z.toJSONSchema(schema, {
      io,
      target,
      metadata: components,
      unrepresentable: 'any',
      override: ({ jsonSchema }) => simplify(jsonSchema, io),
    });
    const { $schema: _, $defs = {}, definitions = {}, ...own } = made as Json;
    for (const [name, definition] of Object.entries({ ...($defs as Json), ...(definitions as Json) })) {
      this.share(sharedName(name), this.#describe(withSharedRefs(definition), sharedName(name)) as Json);
    }
    return this.#describe(withSharedRefs(own), owner) as Json;
  }

  /** Gives every property that has no description the one of its name. */
  #describe(value: unknown, owner: string): unknown {
    const { fieldWords = describeField } = this.#options;
    return mapObjects(value, (node) => {
      const { properties } = node;
      if (typeof properties !== 'object' || properties === null) return node;
      const described = Object.entries(properties as Record<string, Json>).map(([name, property]) => {
        const description = property.description ?? fieldWords(owner, name);
        return [name, description === undefined ? property : { ...property, description }];
      });
      return { ...node, properties: Object.fromEntries(described) };
    });
  }

  share(name: string, schema: Json): { $ref: string } {
    const before = this.shared[name];
    if (before && JSON.stringify(before) !== JSON.stringify(schema)) {
      throw new Error(`two schemas are called ${name}`);
    }
    this.shared[name] = schema;
    return { $ref: `#/components/schemas/${name}` };
  }
}

/** Says less: answers may gain fields, and a time or a whole number needs no further rule to be understood. */
function simplify(schema: Json, io: 'input' | 'output'): void {
  if (io === 'output' && schema.additionalProperties === false) delete schema.additionalProperties;
  if (schema.format === 'date-time') delete schema.pattern;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
}

/** The only schema that refers to itself, and so gets a name nobody gave it, is any JSON value. */
function sharedName(name: string): string {
  return name.startsWith('__schema') ? 'JsonValue' : name;
}

function withSharedRefs(value: unknown): unknown {
  return mapObjects(value, (node) => {
    if (typeof node.$ref !== 'string') return node;
    const name = node.$ref.replace(/^#\/(\$defs|definitions)\//, '');
    return { ...node, $ref: `#/components/schemas/${sharedName(name)}` };
  });
}

/** Rebuilds a JSON value from its leaves up; `change` sees every object in it. */
function mapObjects(value: unknown, change: (node: Json) => Json): unknown {
  if (Array.isArray(value)) return value.map((each) => mapObjects(each, change));
  if (typeof value !== 'object' || value === null) return value;
  return change(
    Object.fromEntries(Object.entries(value).map(([key, each]) => [key, mapObjects(each, change)])),
  );
}
