// What people read keeps to the glossary: each thing has one term. These words were other names for the same things.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, root } from './sources';

/** Words that are not used, and the term to use instead. */
const NEVER: [words: RegExp, term: string][] = [
  [/\bhand(s|ed|ing)?[ -]overs?\b/i, 'deliver, delivery'],
  [/\b(send|sends|sent|sending|pass|passes) (it|them|mail|the mail) on\b/i, 'deliver, delivery'],
  [/\b(come|comes|came|coming) again\b/i, 'redeliver, duplicate'],
  [/\b(a repeat|every repeat|possible repeat)\b/i, 'redeliver, duplicate'],
  [/\b(handled|settled|unsettled|done with it)\b/i, 'processed, acknowledged'],
  [/\b(set|sets|setting|put|puts|laid) aside\b/i, 'quarantined'],
  [/\bpoison/, 'quarantined'],
  [/\b(a|the|each|every|next|first|last|one) (look|looks|round|rounds)\b(?! trip)/i, 'check'],
  [/\blooks? (into|at|in) (the|a|your) (mailbox|server)/i, 'check'],
  [/\bfetch(es|ed|ing)?\b/i, 'download'],
  [/\b(brings?|brought) (the|a|all|every|no|new)? ?(mails?|emails?)\b/i, 'download'],
  [/\boctets?\b/i, 'bytes'],
  [/\byounger than\b/i, 'received since'],
  [/\bunique-ids?\b/i, 'unique ID'],
  [/\b(withdrawn?|withdrew|withdraws|declared? .{0,20}void)\b/i, 'revoke'],
  [/\b(runs?|ran|running) out\b/i, 'expire'],
  [/\b(dies|died|dying)\b/i, 'expire, stop, fail'],
  [/\b(tokens?|sign-ins?|secrets?|certificates?) (ends?|ended)\b/i, 'expire, expiry'],
  [/\b(signed by nobody|nobody .{0,20}trusts?)\b/i, 'not signed by a trusted authority (CA)'],
  [/\b(TLS from the start|speaks? plain|in clear\b)/i, 'implicit TLS, unencrypted'],
  [/\b(hung|hang|hangs) up\b/i, 'closed the connection'],
  [/\b(for good|trouble that should pass|should pass)\b/i, 'permanent error, temporary error'],
  [/\b(patience|try(ing)? again later|tried again later|in vain)\b/i, 'retry, backoff'],
  [/\b(whoever|nobody|somebody|someone)\b/i, 'the actor'],
  [/\b(ways? to sign in|client proof|what for)\b/i, 'sign-in method, client authentication, scope'],
  [/\b(takes?|took|taking) turns\b/i, 'session limiter'],
  [
    /\b(stands?|stood) (in|on|at|there|here|beside|below|above|once|under|folded)\b/i,
    'is, is listed, is stored',
  ],
  [/\b(lies|lay) (beside|next to|in|on)\b/i, 'is stored'],
  [/\b(goes|went|go) on\b/i, 'resumes, continues'],
  [/\b(dear|on its own feet|anew|whence|thereby|hence|nowhere|for ever)\b/i, 'plain words'],
  [/\b(sign|signs|signed) on\b/i, 'sign in'],
  [/\b(log|logs|logged) on\b/i, 'log in'],
  [/\b(client|tenant|object|secret) ids?\b/, 'client ID'],
  [/\be-mail(?! (in\b|programs))/, 'email'],
  [/\bmail address/i, 'email address'],
  [
    /\b(servers?|providers?|Google|Microsoft|Gmail|Node-RED|nodes?) (wants?|takes?|speaks?|says?|tells?|told|knew|likes?|refuses?|hangs?)\b/,
    'requires, accepts, uses, reports, rejects',
  ],
  [/\b(afterwards|up to __)\b/i, 'after processing, maximum size'],
  [
    /\b(colour|behaviour|recognis|authoris|organis|cancell?ing|licence|dialogue|catalogue)/i,
    'American spelling',
  ],
  [/\b(e-mails?|mails) addresses\b/i, 'email addresses'],
];

/** By language: words that were other names for the same things. docs/translating.md has the terms. */
const NEVER_TRANSLATED: Record<string, RegExp> = {
  de: /Knoten|Mailadresse|[Zz]urückgelegt|aufgelegt|TLS von Anfang an|niemand|gescheitert|Umleitungs-URI|Clientschlüssel|übernehmen|Prüfung\b/,
  fr: /nœud|raccroch|[Mm]is(es)? de côté|dès le début|personne en qui|boîtes? aux lettres|[Vv]érification de __name__|serveur d'authentification/,
  'es-ES':
    /\bnadie\b|[Aa]partad[oa]s?\b|desde el principio|a mitad de camino|Inténtalo|Vuelve a|Inicia sesión\b|\btu@/,
  'pt-BR': /ninguém|[Pp]ostos? de lado|desde o início|no meio do caminho|[Tt]ente de novo|\bDigite\b/,
  ru: /ё|[Оо]тложено|самого начала|на полуслове|никем|идентификатор клиента/,
  ja: /保留|最初からTLS|途中で接続を切|ユーザー名|提供者/,
  ko: /보류|처음부터 TLS|도중에 연결을 끊|사서함|오류/,
  'zh-CN': /搁置|从一开始就用|中途断开|提供商|帐户/,
  'zh-TW': /擱置|從一開始就用|中途斷開|提供者|客戶端|帳號|郵箱|證書/,
};

/** Terms of a standard or of another product, where that is what is meant. */
const ALLOWED: Record<string, RegExp[]> = {
  // The settings of the email node, by the names they have there.
  'docs/from-the-e-mail-node.md': [/Fetch: when triggered/],
  // What a server may answer.
  'docs/pop3.md': [/"try again later"/],
  // Terms of other languages.
  'docs/translating.md': [/^\|.*$/gm],
};

const english = (name: string): string => join(root, 'locales', 'en-US', name);

function sentencesOf(value: unknown, where: string): [string, string][] {
  if (typeof value === 'string') return [[where, value]];
  return Object.entries(value as object).flatMap(([key, inner]) => sentencesOf(inner, `${where}.${key}`));
}

/** Markdown without code, links' targets and HTML comments: what is left is read as text. */
function textOf(markdown: string): string {
  return markdown
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/`[^`]*`/g, '')
    .replace(/\]\([^)]*\)/g, ']')
    .replace(/<!--[\s\S]*?-->/g, '');
}

function textOfHelp(html: string): string {
  return html.replace(/<(code|pre|dt)\b[\s\S]*?<\/\1>/g, '').replace(/<[^>]*>/g, '');
}

/** Every text in English that people read, by where it stands. */
function readTexts(): [string, string][] {
  const names = readdirSync(english('')).sort();
  const pages = readdirSync(root).filter((name) => name.endsWith('.md'));
  return [
    ...names
      .filter((name) => name.endsWith('.json'))
      .flatMap((name) => sentencesOf(JSON.parse(readFileSync(english(name), 'utf8')), name)),
    ...names
      .filter((name) => name.endsWith('.html'))
      .map((name): [string, string] => [name, textOfHelp(readFileSync(english(name), 'utf8'))]),
    ...pages.map((name): [string, string] => [name, textOf(readFileSync(join(root, name), 'utf8'))]),
    ...[...filesBelow('docs', '.md')].map(([path, text]): [string, string] => [path, textOf(text)]),
    ...[...filesBelow('examples', '.json')].flatMap(([path, text]) =>
      (JSON.parse(text) as { name?: string; info?: string }[]).flatMap(({ name = '', info = '' }) => [
        [path, textOf(name)] as [string, string],
        [path, textOf(info)] as [string, string],
      ]),
    ),
  ];
}

/** `where: what is said (term: what to say)` for every word that is not used. */
function breaches(texts: [string, string][], never = NEVER): string[] {
  return texts.flatMap(([where, text]) => {
    const read = (ALLOWED[where] ?? []).reduce((left, allowed) => left.replace(allowed, ''), text);
    return read.split('\n').flatMap((line) =>
      never.flatMap(([words, term]) => {
        const found = words.exec(line);
        return found ? [`${where}: "${found[0]}" (${term}) in: ${line.trim().slice(0, 120)}`] : [];
      }),
    );
  });
}

/** Folders whose comments and test titles keep to the glossary as well. */
const CODE = ['bench', 'demo', 'nodes', 'scripts', 'servers', 'test'];

/** Words that neither comments nor test titles use. */
const NEVER_IN_CODE: [words: RegExp, term: string][] = [
  [/\b(whoever|nobody|somebody|everybody)\b/i, 'the actor'],
  [/\b(hung|hang|hangs) up\b/i, 'closes the connection'],
  [/\bhand(s|ed|ing)?[ -]overs?\b/i, 'deliver, delivery'],
  [/\b(come|comes|came|coming) again\b/i, 'redeliver, duplicate'],
  [/\b(set|sets|setting) aside\b/i, 'quarantined'],
  [/\boctets?\b/i, 'bytes'],
  [/\bunique-ids?\b/i, 'unique ID'],
  [/\byounger than\b/i, 'received since'],
  [/\bdeclare[sd]? .{0,20}void\b/i, 'revoke'],
  [/\bin clear\b/i, 'unencrypted'],
  [/\b(in vain|(?<!@param )patience|anew|unsettled)\b/i, 'failed, backoff, again'],
  [/\bfor good\b/i, 'permanently'],
  [/\b(way to sign in|client proof)\b/i, 'sign-in method, client authentication'],
  [/\b(withdrawn|withdrew|withdraws)\b/i, 'revoke, take back'],
  [/\b(signed by nobody|TLS from the start|speaks? plain)\b/i, 'trusted authority (CA), implicit TLS'],
  [/\bfor ever\b/i, 'forever'],
  [
    /\b(coloured|colours?|behaviours?|recognis|authoris|organis|licence|dialogue|catalogues?)\b/i,
    'American spelling',
  ],
];

/** This file names the words, and a few others mean the word itself. */
const SPARED = /^test\/words\.test\.ts$/;

/** Comments and the titles of tests, by file and line. */
function commentsAndTitles(folder: string): [string, string][] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter(
      (path) => /\.(ts|mjs|js|css|html)$/.test(path) && !path.includes('node_modules/') && !SPARED.test(path),
    )
    .sort()
    .flatMap((path) =>
      readFileSync(join(root, path), 'utf8')
        .split('\n')
        .flatMap((line, index): [string, string][] => {
          const text = /^\s*(?:\/\*\*?|\*|\/\/|<!--)(.*)|\s\/\/ (.*)|\b(?:it|describe)(?:\.\w+)?\((.*)/.exec(
            line,
          );
          const [comment, trailing, title] = text?.slice(1) ?? [];
          const read = (comment ?? trailing)?.replace(/`[^`]*`/g, '') ?? title;
          return read === undefined ? [] : [[`${path}:${index + 1}`, read]];
        }),
    );
}

describe('the words of the glossary', () => {
  it('are the only ones in catalogs, help pages, guides and examples', () => {
    const texts = readTexts();
    assert.ok(texts.length > 400, `only ${texts.length} texts found`);
    assert.deepEqual(breaches(texts), []);
  });

  for (const [language, never] of Object.entries(NEVER_TRANSLATED)) {
    it(`are the only ones in ${language}`, () => {
      const folder = join(root, 'locales', language);
      const texts = readdirSync(folder).flatMap((name): [string, string][] => {
        const text = readFileSync(join(folder, name), 'utf8');
        return name.endsWith('.json') ? sentencesOf(JSON.parse(text), name) : [[name, textOfHelp(text)]];
      });
      assert.ok(texts.length > 400, `only ${texts.length} texts found`);
      assert.deepEqual(breaches(texts, [[never, 'docs/translating.md']]), []);
    });
  }

  it('are translated into every language', () => {
    const languages = readdirSync(join(root, 'locales')).filter((name) => name !== 'en-US');
    assert.deepEqual(Object.keys(NEVER_TRANSLATED).sort(), languages.sort());
  });

  for (const folder of CODE) {
    it(`are the only ones in comments and test titles of ${folder}/`, () => {
      const texts = commentsAndTitles(folder);
      assert.ok(texts.length > 10, `only ${texts.length} comments found`);
      assert.deepEqual(breaches(texts, NEVER_IN_CODE), []);
    });
  }

  it('a word that is not used is found anywhere', () => {
    for (const [where, text, term] of [
      ['a.json', 'It is not signed. The mail was set aside.', 'quarantined'],
      ['a.json', 'pop.example.com hung up in the middle.', 'closed the connection'],
      ['README.md', textOf('A mail is `handled` when handled.'), 'processed, acknowledged'],
      ['a.html', textOfHelp('<p>Whoever runs <code>it</code></p>'), 'the actor'],
    ] as const) {
      const found = breaches([[where, text]]);
      assert.equal(found.length, 1, text);
      assert.ok(found[0]?.includes(`(${term})`), found[0]);
    }
    assert.deepEqual(breaches([['README.md', textOf('Set `handled` to `ack`. [x](docs/e-mail.md)')]]), []);
  });
});
