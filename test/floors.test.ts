import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';
import { filesBelow, importsOf, root, tokensOf } from './sources';

/** What each room may import besides itself. A room that is not named here has no place in the house yet. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  base: [],
  pop3: ['base'],
  mail: ['base'],
  oauth2: ['base'],
  'connection-test': ['base', 'pop3', 'mailbox'],
  mailbox: ['base', 'pop3', 'mail'],
  runtime: ['base', 'mailbox', 'oauth2'],
  'node-red': ['base', 'runtime', 'mailbox', 'connection-test', 'pop3', 'mail', 'oauth2'],
  admin: ['base', 'node-red', 'runtime', 'mailbox', 'connection-test', 'pop3', 'mail', 'oauth2'],
  // Only what a browser can load: see BROWSER_SAFE.
  editor: ['admin', 'base', 'node-red', 'oauth2', 'pop3'],
  palette: [
    'admin',
    'base',
    'connection-test',
    'editor',
    'mail',
    'mailbox',
    'node-red',
    'oauth2',
    'pop3',
    'runtime',
  ],
};
/** All that the browser's code may import of the server's: types of the requests, and plain data. */
const BROWSER_SAFE: readonly string[] = [
  'nodes/base/loopback',
  'nodes/admin/protocol',
  'nodes/node-red/data/counted-status',
  'nodes/node-red/data/defaults',
  'nodes/oauth2/providers',
  'nodes/pop3/sasl/names',
];
const isBrowser = (path: string): boolean => path.endsWith('.editor.ts') || roomOf(path) === 'editor';

/** The rooms that know Node-RED. */
const KNOW_RED: readonly string[] = ['palette', 'node-red', 'admin', 'editor'];
/** What those rooms may name, but only to say of which type a thing is. */
const ITS_TYPES: readonly string[] = ['node-red', 'express'];

/** `nodes/pop3/…` is in `pop3`; `nodes/….ts` is the palette. */
function roomOf(path: string): string | undefined {
  const [house, room, ...rest] = path.split('/');
  if (house !== 'nodes' || room === undefined) return undefined;
  return rest.length === 0 && /\.[cm]?ts$/.test(room) ? 'palette' : room;
}

/** Everything in these files that goes against the floors of the house, a sentence each. */
function breaches(files: ReadonlyMap<string, string>, dependencies: readonly string[]): string[] {
  const found: string[] = [];
  for (const [path, source] of files) {
    const room = roomOf(path) ?? '';
    const allowed = MAY_IMPORT[room];
    if (allowed === undefined) {
      found.push(`${path}: there is no room ${room}`);
      continue;
    }
    if (
      !KNOW_RED.includes(room) &&
      tokensOf(source).some(({ kind, text }) => kind === 'word' && text === 'RED')
    ) {
      found.push(`${path} knows RED`);
    }
    for (const { specifier, typesOnly } of importsOf(source)) {
      if (specifier === undefined) found.push(`${path} imports what cannot be known beforehand`);
      else if (/^\.{0,2}\//.test(specifier) || /^\.{1,2}$/.test(specifier)) {
        const target = posix.join(posix.dirname(path), specifier);
        // A folder is written as what it is, `../pop3`, and a file of the palette has no ending here.
        const other = files.has(`${target}.ts`) ? roomOf(`${target}.ts`) : roomOf(target);
        const inside = !specifier.startsWith('/') && other !== undefined;
        if (!inside) found.push(`${path} imports ${specifier}, which does not ship`);
        else if (other !== room && !allowed.includes(other)) found.push(`${path} imports ${other}`);
        else if (isBrowser(path) && other !== 'editor' && !BROWSER_SAFE.includes(target))
          found.push(`${path} imports ${target}, which no browser can load`);
        else if (isBrowser(path) && target === 'nodes/admin/protocol' && !typesOnly)
          found.push(`${path} imports more than types of ${target}`);
        else if (BROWSER_SAFE.includes(path.replace(/\.ts$/, '')) && !typesOnly)
          found.push(`${path} imports ${target}, though browsers load it`);
      } else if (isBuiltin(specifier)) {
        if (isBrowser(path) && !typesOnly) found.push(`${path} imports ${specifier} in a browser`);
      } else {
        const name = specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/');
        const itsType = KNOW_RED.includes(room) && ITS_TYPES.includes(name) && typesOnly;
        if (!itsType && !dependencies.includes(name)) found.push(`${path} imports ${name}`);
      }
    }
  }
  return found;
}

const nodes = filesBelow('nodes', 'ts');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
};
const dependencies = Object.keys({
  ...manifest.dependencies,
  ...manifest.optionalDependencies,
  ...manifest.peerDependencies,
});

describe('the floors of the house', () => {
  it('stand: every room imports only what is below it', () => {
    assert.deepEqual(breaches(nodes, dependencies), []);
  });

  it('have every room the plan names', () => {
    const rooms = new Set([...nodes.keys()].map(roomOf));
    assert.deepEqual([...rooms].sort(), Object.keys(MAY_IMPORT).sort());
  });

  it('rest on six dependencies at most, each of them used', () => {
    assert.ok(dependencies.length <= 6, `${dependencies.length} dependencies`);
    const used = new Set<string>();
    for (const source of nodes.values()) {
      for (const { specifier, typesOnly } of importsOf(source))
        if (specifier && !typesOnly) used.add(specifier);
    }
    const unused = dependencies.filter((name) => ![...used].some((one) => `${one}/`.startsWith(`${name}/`)));
    assert.deepEqual(unused, []);
  });

  describe('give way to nothing', () => {
    /** A file planted into the house as it stands, and what has to be said of it. */
    const planted: [path: string, source: string, breach: string | undefined][] = [
      ['nodes/pop3/planted.ts', "import { readMail } from '../mail';", 'imports mail'],
      ['nodes/pop3/planted.ts', "import type { Tokens } from '../oauth2/tokens';", 'imports oauth2'],
      ['nodes/mail/planted.ts', "export * from '../pop3';", 'imports pop3'],
      ['nodes/oauth2/planted.ts', "export { type Clock } from '../mailbox';", 'imports mailbox'],
      ['nodes/oauth2/planted.ts', "import '../runtime';", 'imports runtime'],
      ['nodes/pop3/sasl/planted.ts', "import { readMail } from '../../mail/read';", 'imports mail'],
      ['nodes/pop3/sasl/planted.ts', "import { Pop3Error } from '../error';", undefined],
      ['nodes/mailbox/planted.ts', "import { TokenSource } from '../oauth2';", 'imports oauth2'],
      ['nodes/mailbox/planted.ts', "const { Runtime } = require('../runtime');", 'imports runtime'],
      ['nodes/mailbox/planted.ts', "import { Pop3Client } from '../pop3';", undefined],
      ['nodes/mailbox/planted.ts', "import { readMail } from '../mail';", undefined],
      ['nodes/runtime/planted.ts', "import { Pop3Client } from '../pop3';", 'imports pop3'],
      ['nodes/runtime/planted.ts', "const { readMail } = await import('../mail');", 'imports mail'],
      [
        'nodes/runtime/planted.ts',
        "type Account = import('../node-red/account').AccountNode;",
        'imports node-red',
      ],
      ['nodes/runtime/planted.ts', "import register = require('../pop3-in');", 'imports palette'],
      ['nodes/runtime/planted.ts', "import { Mailbox } from '../mailbox';", undefined],
      ['nodes/editor/planted.ts', "import register = require('../pop3-in');", 'imports palette'],
      ['nodes/editor/planted.ts', "import type { Tokens } from '../oauth2/tokens';", 'no browser can load'],
      ['nodes/editor/form/planted.ts', "import { providers } from '../../oauth2/providers';", undefined],
      ['nodes/editor/planted.ts', "import { Facts } from '../admin/protocol';", 'more than types'],
      ['nodes/planted.editor.ts', "import { Mailbox } from './mailbox';", 'no browser can load'],
      ['nodes/attic/planted.ts', '', 'there is no room attic'],
      ['nodes/pop3/planted.ts', "import type { NodeAPI } from 'node-red';", 'imports node-red'],
      ['nodes/pop3/planted.ts', '/// <reference types="node-red" />', 'imports node-red'],
      ['nodes/runtime/planted.ts', 'export const log = () => RED.log.info("x");', 'knows RED'],
      ['nodes/mail/planted.ts', 'declare const x: unknown; export default `$' + '{RED}`;', 'knows RED'],
      ['nodes/runtime/planted.ts', '// RED is not known here\nexport const name = "RED";', undefined],
      ['nodes/planted.ts', "import type { NodeAPI } from 'node-red';", undefined],
      ['nodes/planted.ts', "import { start } from 'node-red';", 'imports node-red'],
      ['nodes/admin/planted.ts', "import express from 'express';", 'imports express'],
      ['nodes/admin/planted.ts', "import { type Request, type Response } from 'express';", undefined],
      ['nodes/mail/planted.ts', "import lodash from 'lodash/fp';", 'imports lodash'],
      ['nodes/mail/planted.ts', "import '@hapi/boom/lib/index.js';", 'imports @hapi/boom'],
      ['nodes/mail/planted.ts', "import { simpleParser } from 'mailparser';", undefined],
      ['nodes/mail/planted.ts', "import fs from 'node:fs'; import net from 'net';", undefined],
      ['nodes/planted.editor.ts', "import fs from 'node:fs';", 'imports node:fs in a browser'],
      ['nodes/mail/planted.ts', "import '../../test/sources';", 'does not ship'],
      ['nodes/mail/planted.ts', "import '/etc/x';", 'does not ship'],
      ['nodes/mail/planted.ts', "import manifest from '../../package.json';", 'does not ship'],
      ['nodes/mail/planted.ts', 'export const load = (name: string) => require(name);', 'cannot be known'],
      ['nodes/mail/planted.ts', "export const load = (n: string) => import('../' + n);", 'cannot be known'],
      ['nodes/mail/planted.ts', "require.resolve('../pop3');", 'imports pop3'],
    ];
    for (const [path, source, breach] of planted) {
      it(`${path}: ${source} → ${breach ?? 'may be'}`, () => {
        const found = breaches(new Map([...nodes, [path, source]]), dependencies).filter((sentence) =>
          sentence.startsWith(path),
        );
        assert.equal(found.length, breach === undefined ? 0 : 1, found.join('\n'));
        if (breach !== undefined) assert.ok(found[0]?.includes(breach), found[0]);
      });
    }
  });
});

describe('reading what a file imports', () => {
  const cases: [source: string, ...specifiers: (string | undefined)[]][] = [
    ["import a from 'a'", 'a'],
    ['import "a"', 'a'],
    ["import {\n  a, // from 'x'\n  b,\n} from 'a'", 'a'],
    ["import a, { type B } from 'a'", 'a'],
    ["import * as a from'a'", 'a'],
    ["import a from 'a' with { type: 'json' }", 'a'],
    ["export * as a from 'a'; export { b } from 'b'", 'a', 'b'],
    ["import a = require('a')", 'a'],
    ["const { a } = require ( 'a' )", 'a'],
    ['const a = await import(`a`)', 'a'],
    ["const a = await import(/* 'b' */ 'a')", 'a'],
    ['import(`./$' + '{name}`)', undefined],
    ["require('a' + b)", undefined],
    ['`text $' + "{require('a')} import 'b'`", 'a'],
    ['`$' + '{`$' + "{{ a: require('a') }}`}` + require('b')", 'a', 'b'],
    ["// import 'a'\n/* require('b') */", ...[]],
    ['const text = "import \'a\'"', ...[]],
    ["const quotes = /['\"`/]/g; require('a')", 'a'],
    ["const half = width / 2; require('a'); const third = 1 / 3", 'a'],
    ["if (a) return /require('b')/.test(a)", ...[]],
    ["import.meta.url; import 'a'", 'a'],
    ["const it = 'it\\'s'; import('a')", 'a'],
    ["Array.from('abc'); me.require('a')", ...[]],
  ];
  for (const [source, ...specifiers] of cases) {
    it(source.replace(/\s+/g, ' '), () => {
      assert.deepEqual(
        importsOf(source).map(({ specifier }) => specifier),
        specifiers,
      );
    });
  }

  it('tells types from what is left of them', () => {
    const typesOnly = (source: string): boolean[] => importsOf(source).map((one) => one.typesOnly);
    assert.deepEqual(typesOnly("import type { A } from 'a'; import { type B, type C } from 'b'"), [
      true,
      true,
    ]);
    assert.deepEqual(typesOnly("export type { A } from 'a'; export type * from 'b'"), [true, true]);
    assert.deepEqual(typesOnly("import { A, type B } from 'a'; import type from 'b'"), [false, false]);
    assert.deepEqual(typesOnly("import { type B, C } from 'a'; export * from 'b'"), [false, false]);
  });
});
