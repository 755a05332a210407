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
