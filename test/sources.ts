import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';

/** The repository's folder. */
export const root = join(__dirname, '..');

/** Every file below a folder of the repository whose name ends so: its path with `/`, and its text. */
export function filesBelow(folder: string, ending: string): Map<string, string> {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return new Map(
    names
      .filter((name) => name.endsWith(ending))
      .sort()
      .map((name) => [
        `${folder}/${name.split(sep).join('/')}`,
        readFileSync(join(root, folder, name), 'utf8'),
      ]),
  );
}

/** A form as it ships: with the parts that it includes. */
export function formOf(set: string): string {
  const html = readFileSync(join(root, 'nodes', `${set}.html`), 'utf8');
  return html.replace(/^ *<!-- include (\S+) -->\n/gm, (_, path: string) =>
    readFileSync(join(root, 'nodes', path), 'utf8'),
  );
}

/** A piece of TypeScript. Comments are none, and a string is its value and not what it looks like. */
export interface Token {
  /** `template`: a piece of a template string between its `${…}`, whose tokens come before and after it. */
  kind: 'word' | 'string' | 'template' | 'sign' | 'regex';
  text: string;
}

/** After these words a slash begins a regular expression; after others it divides. */
const BEFORE_REGEX = new Set(
  'return typeof case in of void delete throw new else do await yield instanceof extends default'.split(' '),
);
const BLANK = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const WORD = /[\p{ID_Start}$_#@\d][\p{ID_Continue}$\u200c\u200d]*/uy;
const STRING = /'((?:\\[\s\S]|[^'\\\n])*)'|"((?:\\[\s\S]|[^"\\\n])*)"/y;
const TEMPLATE = /((?:\\[\s\S]|\$(?!\{)|[^`\\$])*)(`|\$\{)/y;
const REGEX = /\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/\w*/y;

/** Reads TypeScript as far as it takes to tell code from comments, strings and regular expressions. */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  /** For each template string we are in: how many braces are open in its `${…}`. */
  const braces: number[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match) at = pattern.lastIndex;
    return match;
  };
  const template = (): void => {
    const match = take(TEMPLATE);
    if (!match) throw new Error(`a template string without an end at ${at}`);
    tokens.push({ kind: 'template', text: match[1] ?? '' });
    if (match[2] === '${') braces.push(0);
  };
  while (at < source.length) {
    if (take(BLANK)) continue;
    const word = take(WORD);
    if (word) {
      tokens.push({ kind: 'word', text: word[0] });
      continue;
    }
    const string = take(STRING);
    if (string) {
      const raw = string[1] ?? string[2] ?? '';
      tokens.push({ kind: 'string', text: raw.replace(/\\(['"\\])/g, '$1') });
      continue;
    }
    const before = tokens.at(-1);
    const mayBeRegex =
      before === undefined ||
      (before.kind === 'word' && BEFORE_REGEX.has(before.text)) ||
      (before.kind === 'sign' && ![')', ']', '}'].includes(before.text));
    if (source[at] === '/' && mayBeRegex) {
      const regex = take(REGEX);
      if (regex) {
        tokens.push({ kind: 'regex', text: regex[0] });
        continue;
      }
    }
    const sign = source[at] ?? '';
    at += 1;
    if (sign === '`') template();
    else if (sign === '}' && braces.at(-1) === 0) {
      braces.pop();
      template();
    } else {
      if (braces.length > 0 && (sign === '{' || sign === '}')) {
        braces.push((braces.pop() ?? 0) + (sign === '{' ? 1 : -1));
      }
      tokens.push({ kind: 'sign', text: sign });
    }
  }
  return tokens;
}

export interface Import {
  /** Undefined where it is no literal, so that it is unknown what is imported. */
  specifier: string | undefined;
  /** Nothing of it is left when the types are gone. */
  typesOnly: boolean;
}

/** What a file imports: import, export … from, import(), require() and its resolve, types by reference. */
export function importsOf(source: string): Import[] {
  const imports: Import[] = [];
  for (const [, name] of source.matchAll(
    /^\s*\/\/\/\s*<reference\s+(?:types|path)\s*=\s*["']([^"']*)["']/gm,
  )) {
    imports.push({ specifier: name, typesOnly: true });
  }
  const tokens = tokensOf(source);
  const is = (at: number, text: string): boolean =>
    tokens[at]?.text === text && (tokens[at]?.kind === 'word' || tokens[at]?.kind === 'sign');
  for (const [at, { kind, text }] of tokens.entries()) {
    if (kind !== 'word' || is(at - 1, '.')) continue;
    const next = tokens[at + 1];
    if (text === 'from' && next?.kind === 'string') {
      let start = at;
      while (start > 0 && !is(start, 'import') && !is(start, 'export')) start -= 1;
      imports.push({ specifier: next.text, typesOnly: onlyTypes(tokens.slice(start + 1, at)) });
    } else if (text === 'import' && next?.kind === 'string') {
      imports.push({ specifier: next.text, typesOnly: false });
    } else if (text === 'import' || text === 'require') {
      const open = is(at + 1, '.') && is(at + 2, 'resolve') ? at + 3 : at + 1;
      if (!is(open, '(')) continue;
      const given = tokens[open + 1];
      const literal = (given?.kind === 'string' || given?.kind === 'template') && !is(open + 2, '+');
      const whole = literal && (is(open + 2, ')') || is(open + 2, ','));
      imports.push({ specifier: whole ? given?.text : undefined, typesOnly: false });
    }
  }
  return imports;
}

/** The words between `import` and `from`: `type …`, or braces in which each name is a type. */
function onlyTypes(clause: Token[]): boolean {
  const [first, second] = clause;
  if (first?.text === 'type' && second !== undefined && second.text !== ',') return true;
  if (first?.text !== '{') return false;
  const names = clause.filter((_, at) => at > 0 && (at === 1 || clause[at - 1]?.text === ','));
  return names.every(({ text }) => text === 'type' || text === '}');
}

/** The words of a union of strings, as it is declared: `type Name = 'a' | 'b';`. */
export function unionOf(source: string, name: string): string[] {
  const tokens = tokensOf(source);
  const start = tokens.findIndex(({ text }, at) => text === 'type' && tokens[at + 1]?.text === name);
  if (start === -1) throw new Error(`no type ${name}`);
  const end = tokens.findIndex(({ text }, at) => at > start && text === ';');
  const members = tokens.slice(start + 3, end).filter(({ text }) => text !== '|');
  if (members.length === 0 || members.some(({ kind }) => kind !== 'string')) {
    throw new Error(`${name} is not a union of strings`);
  }
  return members.map(({ text }) => text);
}

/** The names of an interface's properties, as they are declared. */
export function propertiesOf(source: string, name: string): string[] {
  const tokens = tokensOf(source);
  const start = tokens.findIndex(({ text }, at) => text === 'interface' && tokens[at + 1]?.text === name);
  if (start === -1) throw new Error(`no interface ${name}`);
  const names: string[] = [];
  let depth = 0;
  for (let at = start; at < tokens.length; at += 1) {
    const { kind, text } = tokens[at] as Token;
    if (kind === 'sign' && '{[(<'.includes(text)) depth += 1;
    if (kind === 'sign' && '}])>'.includes(text)) depth -= 1;
    if (depth === 0 && text === '}') break;
    const next = tokens[at + 1]?.text === '?' ? tokens[at + 2] : tokens[at + 1];
    const begins = ['{', ';'].includes(tokens[at - 1]?.text ?? '');
    if (depth === 1 && kind === 'word' && begins && next?.text === ':') names.push(text);
  }
  return names;
}

/** The arguments of every call of a function or constructor, each as its tokens. */
export function callsOf(tokens: Token[], name: string): Token[][][] {
  const calls: Token[][][] = [];
  for (const [at, { kind, text }] of tokens.entries()) {
    const declared = tokens[at - 1]?.text === 'function';
    if (kind !== 'word' || text !== name || tokens[at + 1]?.text !== '(' || declared) continue;
    const given: Token[][] = [[]];
    let depth = 1;
    for (const token of tokens.slice(at + 2)) {
      const sign = token.kind === 'sign' ? token.text : ' ';
      if ('([{'.includes(sign)) depth += 1;
      if (')]}'.includes(sign)) depth -= 1;
      if (depth === 0) break;
      if (depth === 1 && sign === ',') given.push([]);
      else given.at(-1)?.push(token);
    }
    calls.push(given);
  }
  return calls;
}
