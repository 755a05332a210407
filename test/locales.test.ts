import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { MAILBOX_ERROR_CODES } from '../nodes/mailbox';
import { COUNTED } from '../nodes/node-red/data/counted-status';
import { accountStatusTexts, statusTexts } from '../nodes/node-red/messages';
import { callsOf, filesBelow, formOf, propertiesOf, root, type Token, tokensOf, unionOf } from './sources';

/** A catalog with its keys written out, `errors.AUTH`. */
type Catalogue = Record<string, string>;

const languages = readdirSync(join(root, 'locales')).sort();
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  name: string;
  'node-red': { nodes: Record<string, string> };
};
/** The node sets, which give catalog and help their file names. */
const sets = Object.keys(manifest['node-red'].nodes);
const nodes = filesBelow('nodes', '.ts');
const source = (path: string): string => nodes.get(path) ?? assert.fail(`${path} is missing`);
/** The file that declares a type, in whichever folder. */
const declaring = (name: string): string =>
  [...nodes.values()].find((text) => new RegExp(`^export (?:type|interface) ${name} `, 'm').test(text)) ??
  assert.fail(`no type ${name}`);
const union = (name: string): string[] => unionOf(declaring(name), name);
const properties = (name: string): string[] => propertiesOf(declaring(name), name);
const catalogues = new Map(languages.map((language) => [language, catalogueOf(language)]));

/** By set; one that is not there is empty, and the tests say what is missing. */
function catalogueOf(language: string): Map<string, Catalogue> {
  return new Map(
    sets.map((set) => {
      const file = join(root, 'locales', language, `${set}.json`);
      return [set, existsSync(file) ? flattened(JSON.parse(readFileSync(file, 'utf8'))) : {}];
    }),
  );
}

function flattened(value: unknown, prefix = ''): Catalogue {
  const flat: Catalogue = {};
  for (const [key, inner] of Object.entries(value as object)) {
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) {
      Object.assign(flat, flattened(inner, `${prefix}${key}.`));
    } else flat[prefix + key] = inner;
  }
  return flat;
}

const placeholders = (text: string): string[] =>
  [...text.matchAll(/__(\w+?)__/g)].map(([, name]) => name ?? '').sort();

/** The keys that are missing in one of the languages. */
function missing(set: string, keys: Iterable<string>): string[] {
  const lost: string[] = [];
  for (const [language, ofLanguage] of catalogues) {
    for (const key of new Set(keys)) {
      if (!ofLanguage.get(set)?.[key]?.trim()) lost.push(`${language}/${set}.json: ${key}`);
    }
  }
  return lost;
}

/** `label.name`, or `[placeholder]placeholder.name;[title]label.name`. */
function keysOfForm(html: string): string[] {
  return [...html.matchAll(/data-i18n="([^"]*)"/g)].flatMap(([, value = '']) =>
    value.split(';').map((one) => one.replace(/^\[[^\]]*\]/, '')),
  );
}

/** A set's own files and those of `editor/` that they import. */
function filesOf(set: string): string[] {
  const found = new Set<string>();
  const follow = (path: string): void => {
    if (found.has(path) || !nodes.has(path)) return;
    found.add(path);
    for (const [, specifier = ''] of source(path).matchAll(/\b(?:from|import) '(\.[^']*)'/g)) {
      const target = `${posix.join(posix.dirname(path), specifier)}.ts`;
      // The one that puts every key together names none.
      if (target.startsWith('nodes/editor/') && target !== 'nodes/editor/i18n.ts') follow(target);
    }
  };
  follow(`nodes/${set}.ts`);
  follow(`nodes/${set}.editor.ts`);
  return [...found];
}

/** Every key a file names as a literal, as `set:key`; `beginnings` are the keys of which only the beginning is one. */
function keysOfCode(path: string, set: string): { keys: string[]; beginnings: string[] } {
  const keys: string[] = [];
  const beginnings: string[] = [];
  const tokens = tokensOf(source(path));
  // `word` and `accountWord` look in the catalog of their own, whichever dialog shows it.
  const asked = [
    ...callsOf(tokens, '_').map(([given = []]) => [given, set] as const),
    ...callsOf(tokens, 'word').map(([given = []]) => [given, 'pop3-in'] as const),
    ...callsOf(tokens, 'accountWord').map(([given = []]) => [given, 'oauth2-account'] as const),
  ];
  for (const [given, set] of asked) {
    const branches = results(given);
    for (const [at, { kind, text }] of branches.entries()) {
      if (kind !== 'string' && kind !== 'template') continue;
      const key = text.startsWith(`${manifest.name}/`)
        ? text.slice(manifest.name.length + 1)
        : `${set}:${text}`;
      // A template continues with a value that is known at run time only.
      if (kind === 'template' && branches.length > 1) {
        if (at === 0) beginnings.push(key);
      } else keys.push(key);
    }
  }
  return { keys, beginnings };
}

/** What an expression may come to: of `a?.b === 'c' ? 'd' : 'e'` the tokens of d and e. */
function results(expression: Token[]): Token[] {
  const is = (at: number, signs: string): boolean =>
    expression[at]?.kind === 'sign' && signs.includes(expression[at].text);
  const question = expression.findIndex((_, at) => is(at, '?') && !is(at + 1, '?.') && !is(at - 1, '?'));
  return expression.slice(question + 1);
}

/** Of the name of a constant what it is declared as, in the same file; anything else as it stands. */
function declared(tokens: Token[], expression: Token[]): Token[] {
  const [name, ...more] = expression;
  if (name?.kind !== 'word' || more.length > 0) return expression;
  const at = tokens.findIndex(({ text }, at) => text === name.text && tokens[at - 1]?.text === 'const');
  if (at === -1 || tokens[at + 1]?.text !== '=') return expression;
  return tokens.slice(at + 2, at + 2 + tokens.slice(at + 2).findIndex(({ text }) => text === ';'));
}

describe('the words for people', () => {
  it('are there in every language that Node-RED speaks', () => {
    const spoken = ['de', 'en-US', 'es-ES', 'fr', 'ja', 'ko', 'pt-BR', 'ru', 'zh-CN', 'zh-TW'];
    assert.deepEqual(languages, spoken);
    for (const language of languages) {
      const files = readdirSync(join(root, 'locales', language)).sort();
      const wanted = sets.flatMap((set) => [`${set}.html`, `${set}.json`]).sort();
      assert.deepEqual(files, wanted, language);
    }
  });

  for (const set of sets) {
    const english = (): Catalogue => catalogues.get('en-US')?.get(set) ?? assert.fail();

    it(`${set}: every language has the same keys and names the same facts`, () => {
      for (const language of languages) {
        const other = catalogues.get(language)?.get(set) ?? assert.fail();
        assert.deepEqual(Object.keys(other).sort(), Object.keys(english()).sort(), language);
        for (const [key, text] of Object.entries(english())) {
          assert.deepEqual(placeholders(other[key] ?? ''), placeholders(text), `${language}: ${key}`);
        }
      }
    });

    it(`${set}: plain text only, and every place for a fact is whole`, () => {
      for (const [language, ofLanguage] of catalogues) {
        for (const [key, text] of Object.entries(ofLanguage.get(set) ?? {})) {
          const where = `${language}: ${key}`;
          assert.equal(typeof text, 'string', where);
          assert.ok(text.trim() !== '' && text === text.trim(), `${where} is empty or has blanks around it`);
          assert.doesNotMatch(text, /<[a-z/!]|&#?\w+;/i, `${where} holds HTML`);
          assert.doesNotMatch(
            text.replace(/__[a-zA-Z]\w*?__/g, ''),
            /__|\{\{|\}\}/,
            `${where} has a broken place`,
          );
        }
      }
    });

    it(`${set}: everything the form asks for`, () => {
      const html = formOf(set);
      const keys = keysOfForm(html);
      assert.ok(keys.length > 3, 'no keys found in the form');
      assert.deepEqual(missing(set, keys), []);
    });

    it(`${set}: everything the code asks for`, () => {
      const lost: string[] = [];
      let found = 0;
      for (const path of filesOf(set)) {
        const { keys, beginnings } = keysOfCode(path, set);
        found += keys.length;
        for (const key of keys) {
          const [itsSet = '', name = ''] = key.split(':');
          lost.push(...missing(itsSet, [name]).map((one) => `${path}: ${one}`));
        }
        for (const key of beginnings) {
          const [itsSet = '', name = ''] = key.split(':');
          const known = Object.keys(catalogues.get('en-US')?.get(itsSet) ?? {});
          if (!known.some((one) => one.startsWith(name))) lost.push(`${path}: ${key}…`);
        }
      }
      // The smallest dialogs ask for next to nothing by themselves.
      assert.ok(found > 5 || ['pop3-ack', 'oauth2-token'].includes(set), 'no keys found in the code');
      assert.deepEqual(lost, []);
    });
  }

  it('read right with the number one: no count stands before a noun', () => {
    /** What has one form for every number. */
    const oneForm =
      /^(new|ignored|left|found|delivered|neu|ignoriert|gefunden|zugestellt|of|von|de|sur|из|fois)(?!\p{L})/u;
    const wrong: string[] = [];
    for (const language of languages.filter((one) => !/^(ja|ko|zh)/.test(one))) {
      for (const set of sets) {
        for (const [key, text] of Object.entries(catalogues.get(language)?.get(set) ?? {})) {
          // Never fewer than 200.
          if (key === 'errors.gmail-lists-old-mail') continue;
          for (const [, after = ''] of text.matchAll(
            /__(?:count|attempts|messages|owned|attended|found|delivered|later)__[ -](\p{L}[^\s]*)/gu,
          )) {
            if (!oneForm.test(after)) wrong.push(`${language} ${key}: ${text}`);
          }
        }
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('are there for every text of a status', () => {
    assert.ok(accountStatusTexts.every((text) => statusTexts.includes(text)));
    for (const [set, texts] of [
      ['pop3-in', statusTexts],
      ['oauth2-token', accountStatusTexts],
    ] as const) {
      assert.deepEqual(missing(set, texts), []);
      // What a flow sees is the key itself; an editor in English must not show another.
      for (const text of texts) assert.equal(catalogues.get('en-US')?.get(set)?.[text], text);
    }
    for (const text of statusTexts) {
      assert.ok(text.length <= 24, `${text}: ${text.length} characters`);
      assert.doesNotMatch(text, /[.:]/, 'a dot or colon would split the key');
    }
  });

  it('are there for every status with numbers in it, in English as flows see it', () => {
    assert.deepEqual(missing('pop3-in', Object.keys(COUNTED)), []);
    for (const [key, words] of Object.entries(COUNTED)) {
      assert.equal(catalogues.get('en-US')?.get('pop3-in')?.[key], words);
    }
  });
});

describe('the sentences for what goes wrong', () => {
  const errors = (reasons: string[]): string[] => reasons.map((reason) => `errors.${reason}`);

  it('are there for every code a flow can meet', () => {
    assert.ok(MAILBOX_ERROR_CODES.length >= 14);
    assert.deepEqual(missing('pop3-in', errors([...MAILBOX_ERROR_CODES])), []);
  });

  it('are there for every reason of the account', () => {
    const reasons = union('OAuth2Reason');
    assert.ok(reasons.length >= 80);
    assert.deepEqual(missing('oauth2-account', errors(reasons)), []);
  });

  it('are there for every reason of the POP3 client', () => {
    const hints = union('Pop3NarrowReason');
    assert.ok(hints.length >= 30);
    assert.deepEqual(missing('pop3-in', errors(hints)), []);
  });

  /** Where a reason is passed through: its words are looked for at its source. */
  const handedOn = [
    // The account's reasons, after a prefix, are in the account's catalog.
    'nodes/runtime/from-oauth2.ts: ACCOUNT error . reason',
    // The same error with more facts.
    'nodes/runtime/watched-mailbox.ts: reason',
    // The client's reason; for that of a code alone the sentence of the code stands.
    'nodes/mailbox/from-pop3.ts: error . reason',
    // What the replica that owns a mailbox has said.
    'nodes/runtime/fleet/inbox.ts: reason',
  ];

  it('are there for every reason a mailbox can give', () => {
    const reasons: string[] = [];
    for (const [path, text] of nodes) {
      const tokens = tokensOf(text);
      for (const [, reason = []] of [...callsOf(tokens, 'MailboxError'), ...callsOf(tokens, 'renamed')]) {
        const values = results(declared(tokens, reason));
        const strings = values.filter(({ kind }) => kind === 'string');
        if (strings.length > 0 && values.every(({ kind, text }) => kind === 'string' || text === ':')) {
          reasons.push(...strings.map((token) => token.text));
          continue;
        }
        const written = reason.map((token) => token.text).filter((word) => word !== '');
        assert.ok(
          handedOn.includes(`${path}: ${written.join(' ')}`),
          `${path}: nobody can follow ${written.join(' ')}`,
        );
      }
    }
    assert.ok(reasons.length >= 15, reasons.join());
    assert.deepEqual(missing('pop3-in', errors(reasons)), []);
  });

  it('name only facts that errors carry', () => {
    const ofAccount = properties('OAuth2Facts');
    const ofMailbox = new Set(['host', 'port', 'user', 'response', 'command', 'detail', 'issuer']);
    for (const [path, text] of nodes) {
      if (!/^nodes\/(mailbox|runtime|node-red|editor)\//.test(path)) continue;
      for (const [, , options = []] of callsOf(tokensOf(text), 'MailboxError')) {
        const facts = options.findIndex((token) => token.text === 'facts');
        for (let at = facts + 3; facts !== -1 && at < options.length; at += 1) {
          if ('{,'.includes(options[at - 1]?.text ?? ' ')) ofMailbox.add(options[at]?.text ?? '');
          if (options[at]?.text === '}') break;
        }
      }
    }
    for (const [set, facts] of [
      ['oauth2-account', new Set(ofAccount)],
      ['pop3-in', ofMailbox],
    ] as const) {
      for (const [key, text] of Object.entries(catalogues.get('en-US')?.get(set) ?? {})) {
        if (!key.startsWith('errors.')) continue;
        for (const name of placeholders(text)) assert.ok(facts.has(name), `${set}: ${key} names ${name}`);
      }
    }
  });
});

describe('the help', () => {
  const pageOf = (language: string, set: string): string =>
    readFileSync(join(root, 'locales', language, `${set}.html`), 'utf8');
  const typeOf = (set: string): string =>
    /data-template-name="([^"]+)"/.exec(formOf(set))?.[1] ?? assert.fail();
  /** Every tag that opens or closes, without its attributes. */
  const tagsOf = (html: string): string[] =>
    [...html.matchAll(/<(\/?[a-z]\w*)/g)].map(([, tag]) => tag ?? '');
  /** What is the same in every language: names of properties, code, links. */
  const namesOf = (html: string): string[] =>
    [...html.matchAll(/<(?:code|dt|pre)[^>]*>([^<]*)|href="([^"]*)"/g)].map(
      ([, text, link]) => text?.trim() ?? link ?? '',
    );

  for (const set of sets) {
    for (const language of languages) {
      it(`of ${set} in ${language} is a page that Node-RED finds and shows`, () => {
        const html = pageOf(language, set);
        const type = typeOf(set);
        assert.match(html, new RegExp(`^<script type="text/html" data-help-name="${type}">\\s*<p>`));
        assert.equal(html.match(/<script/g)?.length, 1);
        assert.match(html, /<\/script>\s*$/);
        const open: string[] = [];
        for (const tag of tagsOf(html)) {
          if (tag.startsWith('/')) assert.equal(open.pop(), tag.slice(1), 'a tag is closed that is not open');
          else open.push(tag);
        }
        assert.deepEqual(open, []);
        for (const [, attributes] of html.matchAll(/<a ([^>]*)>/g)) {
          assert.match(
            attributes ?? '',
            /href="https:\/\/[^"]+"\s+target="_blank"\s+rel="noopener noreferrer"/,
          );
        }
      });
    }

    it(`of ${set} says the same in every language`, () => {
      for (const language of languages) {
        const html = pageOf(language, set);
        assert.deepEqual(tagsOf(html), tagsOf(pageOf('en-US', set)), language);
        assert.deepEqual(namesOf(html).sort(), namesOf(pageOf('en-US', set)).sort(), language);
      }
    });
  }

  it('of pop3 in names everything a flow can meet', () => {
    for (const language of languages) {
      const html = pageOf(language, 'pop3-in');
      const said = new Set(namesOf(html).flatMap((text) => text.split(/[^\w.]+/)));
      const wanted = [
        ...MAILBOX_ERROR_CODES,
        ...properties('MailMessage'),
        ...properties('MailDetails').filter((name) => name !== 'truncated'),
        ...properties('Pop3Fields'),
        ...properties('CheckSummary'),
      ];
      assert.deepEqual(
        wanted.filter((name) => !said.has(name)),
        [],
        language,
      );
    }
  });
});
