import { describe, expect, it } from 'vitest';
import { parseDeb822, parseOneLine } from './apt-sources.ts';

describe('apt sources, one line each', () => {
  it('give the mirror, the suite and the components', () => {
    expect(parseOneLine('deb http://mirror.example/debian bookworm main contrib # ours\n')).toEqual([
      { uri: 'http://mirror.example/debian', suite: 'bookworm', components: ['main', 'contrib'] },
    ]);
  });

  it('keep the keyring named in their options', () => {
    const [source] = parseOneLine('deb [arch=amd64 signed-by=/keys/a.gpg] http://m.example/x y main');
    expect(source?.signedBy).toBe('/keys/a.gpg');
  });

  it('leave out sources of source code, comments and empty lines', () => {
    expect(parseOneLine('# deb http://a b main\n\ndeb-src http://a b main\n')).toEqual([]);
  });
});

describe('apt sources in stanzas', () => {
  const text = [
    '# the archive',
    'Types: deb deb-src',
    'URIs: http://mirror.example/debian',
    'Suites: bookworm bookworm-updates',
    'Components: main',
    'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
    '',
    'Types: deb',
    'URIs: http://off.example/debian',
    'Suites: bookworm',
    'Components: main',
    'Enabled: no',
    '',
    'Types: deb',
    'URIs: http://inline.example/x',
    'Suites: stable',
    'Components: main',
    'Signed-By:',
    ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
    ' .',
    ' abc',
    '',
  ].join('\n');

  it('give one source for each suite', () => {
    const suites = parseDeb822(text).filter((source) => source.uri === 'http://mirror.example/debian');
    expect(suites.map((source) => source.suite)).toEqual(['bookworm', 'bookworm-updates']);
    expect(suites[0]?.signedBy).toBe('/usr/share/keyrings/debian-archive-keyring.gpg');
  });

  it('leave out what is switched off', () => {
    expect(parseDeb822(text).some((source) => source.uri.includes('off.example'))).toBe(false);
  });

  it('do not take a key in the file for the path of one', () => {
    const inline = parseDeb822(text).find((source) => source.uri.includes('inline.example'));
    expect(inline).toEqual({ uri: 'http://inline.example/x', suite: 'stable', components: ['main'] });
  });
});
