export interface AptSource {
  uri: string;
  suite: string;
  components: string[];
  signedBy?: string;
}

/** One-line format: `deb [options] uri suite component…`. */
export function parseOneLine(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)/.exec(line);
    if (!match) return [];
    const [, options = '', uri = '', suite = '', rest = ''] = match;
    return [source(uri, suite, words(rest), /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1])];
  });
}

/** deb822 format: stanzas of `Field: value` with continuation lines. */
export function parseDeb822(text: string): AptSource[] {
  return text.split(/\n[ \t]*\n/).flatMap((stanza) => fromStanza(fields(stanza)));
}

function fromStanza(field: Map<string, string>): AptSource[] {
  if (!words(field.get('types')).includes('deb')) return [];
  if (/^(no|false|0)$/i.test(field.get('enabled') ?? 'yes')) return [];
  const components = words(field.get('components'));
  return words(field.get('uris')).flatMap((uri) =>
    words(field.get('suites')).map((suite) => source(uri, suite, components, field.get('signed-by'))),
  );
}

function fields(stanza: string): Map<string, string> {
  const found = new Map<string, string>();
  let name = '';
  for (const line of stanza.split('\n')) {
    if (line.startsWith('#')) continue;
    const match = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line);
    if (match) {
      name = (match[1] ?? '').toLowerCase();
      found.set(name, (match[2] ?? '').trim());
    } else if (name && /^\s+\S/.test(line)) {
      found.set(name, `${found.get(name)} ${line.trim()}`.trim());
    }
  }
  return found;
}

function source(uri: string, suite: string, components: string[], signedBy: string | undefined): AptSource {
  // A Signed-By may hold the key itself; only a path can be passed on.
  const keyring = signedBy?.startsWith('/') ? { signedBy: signedBy.split(',')[0] ?? signedBy } : {};
  return { uri, suite, components, ...keyring };
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}
