// Nothing is kept that is not used: exports, reasons of errors, texts of the catalogs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, root, type Token, tokensOf, unionOf } from './sources';

const tokensBelow = (folder: string): Map<string, Token[]> =>
  new Map(
    [...filesBelow(folder, '.ts')]
      .filter(([path]) => !path.includes('node_modules'))
      .map(([path, text]) => [path, tokensOf(text)]),
  );
const nodes = tokensBelow('nodes');
const others = ['test', 'servers', 'bench', 'demo'].map(tokensBelow);

/** Names that a file exports by declaring them. Types whose name occurs there again are needed by a signature. */
function declaredBy(tokens: Token[]): string[] {
  const names: string[] = [];
  const again = (name: string): boolean => tokens.filter(({ text }) => text === name).length > 1;
  for (const [at, { kind, text }] of tokens.entries()) {
    if (kind !== 'word' || text !== 'export' || tokens[at - 1]?.text === '.') continue;
    let next = at + 1;
    while (/^(?:declare|abstract|async|default)$/.test(tokens[next]?.text ?? '')) next += 1;
    if (!/^(?:const|let|function|class|interface|type|enum)$/.test(tokens[next]?.text ?? '')) continue;
    if (tokens[next + 1]?.text === '*') next += 1;
    const isType = /^(?:interface|type)$/.test(tokens[next]?.text ?? '');
    const name = tokens[next + 1];
    if (name?.kind === 'word' && !(isType && again(name.text))) names.push(name.text);
  }
  return names;
}

/** The words of a file, without those that it only passes on: `export { a } from './b'`. */
function wordsOf(tokens: Token[]): Set<string> {
  const words = new Set<string>();
  for (let at = 0; at < tokens.length; at += 1) {
    const { kind, text } = tokens[at] as Token;
    const opened = tokens[at + 1]?.text === 'type' ? at + 2 : at + 1;
    if (kind === 'word' && text === 'export' && tokens[opened]?.text === '{') {
      at = tokens.findIndex((token, index) => index > opened && token.text === '}');
    } else if (kind === 'word') words.add(text);
  }
  return words;
}

function unusedExports(files: ReadonlyMap<string, Token[]>, users: ReadonlyMap<string, Token[]>[]): string[] {
  /** For each word the files that use it; two are enough to know. */
  const usedBy = new Map<string, Set<string>>();
  for (const [path, tokens] of [files, ...users].flatMap((some) => [...some])) {
    for (const word of wordsOf(tokens)) {
      usedBy.set(word, (usedBy.get(word) ?? new Set()).add(path));
    }
  }
  return [...files].flatMap(([path, tokens]) =>
    declaredBy(tokens)
      .filter((name) => [...(usedBy.get(name) ?? [])].every((user) => user === path))
      .map((name) => `${path}: ${name}`),
  );
}

describe('exports', () => {
  it('are all used by another file', () => {
    // What the package offers as a library is used by others.
    const offered = new Set<string>();
    for (const { text } of nodes.get('nodes/pop3/index.ts') ?? []) offered.add(text);
    const unused = unusedExports(nodes, others).filter(
      (line) => !(line.startsWith('nodes/pop3/') && offered.has(line.split(': ')[1] ?? '')),
    );
    assert.deepEqual(unused, []);
  });

  it('one that nothing uses is found, also when an index passes it on', () => {
    const planted = new Map([
      ['a/x.ts', tokensOf('export const used = 1; export function dead() {} export class Kept {}')],
      ['a/index.ts', tokensOf("export { dead, used } from './x';")],
      ['b/y.ts', tokensOf("import { used } from '../a'; new Kept(used);")],
    ]);
    assert.deepEqual(unusedExports(planted, []), ['a/x.ts: dead']);
  });
});

/** How often each string occurs in these files. */
function stringsOf(files: Iterable<Token[]>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const tokens of files) {
    for (const { kind, text } of tokens) {
      if (kind === 'string' || kind === 'template') counts.set(text, (counts.get(text) ?? 0) + 1);
    }
  }
  return counts;
}

describe('reasons', () => {
  /** Files that only turn reasons into words, and so use none. */
  const speakers = /^nodes\/(?:editor\/|node-red\/messages\.ts)/;
  /** Those that occur only where they are declared. */
  const neverGiven = (reasons: string[], used: Map<string, number>): string[] =>
    reasons.filter((reason) => (used.get(reason) ?? 0) < 2);

  for (const type of ['Pop3NarrowReason', 'OwnReason', 'OAuth2Reason']) {
    it(`of ${type} are all given by some file`, () => {
      const source = [...filesBelow('nodes', '.ts').values()].find((text) =>
        new RegExp(`^(?:export )?type ${type} `, 'm').test(text),
      );
      const used = stringsOf([...nodes].filter(([path]) => !speakers.test(path)).map(([, tokens]) => tokens));
      const reasons = unionOf(source ?? assert.fail(`no type ${type}`), type);
      assert.ok(reasons.length > 20);
      assert.deepEqual(neverGiven(reasons, used), []);
    });
  }

  it('one that no file gives is found', () => {
    const declared = tokensOf("type Reason = 'given' | 'never-given';");
    const giving = tokensOf("throw new Failure('given');");
    const reasons = unionOf("type Reason = 'given' | 'never-given';", 'Reason');
    assert.deepEqual(neverGiven(reasons, stringsOf([declared, giving])), ['never-given']);
  });
});

describe('texts of the catalogs', () => {
  const strings = stringsOf(nodes.values());
  const forms = [...filesBelow('nodes', '.html').values()].join('\n');
  const inForms = new Set(
    [...forms.matchAll(/data-i18n="([^"]*)"/g)].flatMap(([, value = '']) =>
      value.split(';').map((one) => one.replace(/^\[[^\]]*\]/, '')),
    ),
  );
  const bare = (text: string): string => text.replace(/^@?[\w/-]+:/, '');
  /** Literal keys, and the beginnings of keys whose end is computed. */
  const keys = new Set([...strings.keys()].map(bare));
  /** Words of objects count as well: `{ plain: … }` names the key `plain`. */
  const words = new Set(
    [...nodes.values()].flatMap((tokens) =>
      tokens.filter(({ kind }) => kind === 'word').map(({ text }) => text),
    ),
  );

  function isShown(key: string): boolean {
    if (keys.has(key) || inForms.has(key)) return true;
    for (let dot = key.lastIndexOf('.'); dot !== -1; dot = key.lastIndexOf('.', dot - 1)) {
      const [beginning, end] = [key.slice(0, dot + 1), key.slice(dot + 1)];
      const begun = keys.has(beginning) || keys.has(beginning.slice(0, -1));
      if (begun && (keys.has(end) || words.has(end))) return true;
      if (dot === 0) break;
    }
    return false;
  }

  for (const set of ['pop3-in', 'pop3-ack', 'oauth2-token', 'oauth2-account']) {
    it(`of ${set} are all shown by some file`, () => {
      const catalog = JSON.parse(readFileSync(join(root, 'locales', 'en-US', `${set}.json`), 'utf8'));
      const all: string[] = [];
      const collect = (value: object, prefix: string): void => {
        for (const [key, inner] of Object.entries(value)) {
          if (typeof inner === 'string') all.push(prefix + key);
          else collect(inner, `${prefix}${key}.`);
        }
      };
      collect(catalog, '');
      assert.deepEqual(
        all.filter((key) => !isShown(key)),
        [],
      );
    });
  }

  it('one that nothing shows is found', () => {
    assert.ok(isShown('errors.hung-up'));
    assert.ok(!isShown('errors.nothing-gives-this'));
    assert.ok(!isShown('label.nothing-asks-for-this'));
  });
});
