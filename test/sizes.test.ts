// Files and functions of nodes/ stay small enough to read at once.
import assert from 'node:assert/strict';
import { filesBelow } from './sources';

const FILE_LINES = 300;
const PALETTE_LINES = 150;
const FUNCTION_LINES = 80;

/** The wiring of a node and its form: `nodes/pop3-in.ts`, `nodes/pop3-in.editor.ts`. */
const isPalette = (path: string): boolean => path.split('/').length === 2;

/** A longer file says why at its top: `// Longer than 300 lines because …`. */
const REASON = /^(?:\/\/|\/?\*+) ?(?:.* )?Longer than 300 lines because /m;

const linesOf = (source: string): string[] => source.replace(/\n$/, '').split('\n');

/** A line that opens the body of a function, in code that Biome has formatted. */
function opensFunction(line: string): boolean {
  const code = line.trim();
  if (!code.endsWith('{')) return false;
  if (/^(?:\} )?(?:if|for|while|switch|else|catch|do|try|finally|class|interface|type)\b/.test(code))
    return false;
  return /=> \{$|\bfunction\b/.test(code) || /\)(?:: .+)? \{$/.test(code);
}

/** `name (lines)` of every function longer than allowed: its body ends where its indentation returns. */
function longFunctions(source: string, most = FUNCTION_LINES): string[] {
  const lines = linesOf(source);
  return lines.flatMap((line, start) => {
    if (!opensFunction(line)) return [];
    const indentation = /^ */.exec(line)?.[0] ?? '';
    const end = lines.findIndex((other, at) => at > start && other.startsWith(`${indentation}}`));
    const length = end - start + 1;
    return length > most ? [`line ${start + 1}: ${length} lines: ${line.trim().slice(0, 60)}`] : [];
  });
}

function tooLong(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([path, source]) => {
    const length = linesOf(source).length;
    const most = isPalette(path) ? PALETTE_LINES : FILE_LINES;
    const excused = !isPalette(path) && REASON.test(linesOf(source).slice(0, 12).join('\n'));
    return [
      ...(length > most && !excused ? [`${path}: ${length} lines, allowed ${most}`] : []),
      ...longFunctions(source).map((found) => `${path}, ${found}`),
    ];
  });
}

/** A constructor alone is `private`: what else is private has a name that the language keeps so, and that no log shows. */
const PRIVATE = /^\s*(?:static |protected )?private (?!constructor\b)|[(,] ?private readonly\b/;

describe('sizes in nodes/', () => {
  it(`a file has ${FILE_LINES} lines at most or a reason at its top, a palette file ${PALETTE_LINES}, a function ${FUNCTION_LINES}`, () => {
    const files = filesBelow('nodes', '.ts');
    assert.deepEqual(tooLong(files), []);
  });

  it('what is longer is found', () => {
    const many = (count: number): string => 'x();\n'.repeat(count);
    const found = (path: string, source: string): number => tooLong(new Map([[path, source]])).length;
    assert.equal(found('nodes/pop3/a.ts', many(300)), 0);
    assert.equal(found('nodes/pop3/a.ts', many(301)), 1);
    assert.equal(found('nodes/pop3/a.ts', `// Longer than 300 lines because of a table.\n${many(301)}`), 0);
    assert.equal(found('nodes/a.ts', `// Longer than 300 lines because of a table.\n${many(150)}`), 1);
    const body = (count: number): string => '  x();\n'.repeat(count);
    for (const opening of [
      'function a() {',
      'export const a = async (b: string): Promise<void> => {',
      'function a(\n  b: string,\n): Promise<{ c: string }> {',
      '#method(a = 1) {',
      'constructor(private readonly a: string) {',
    ]) {
      assert.equal(found('nodes/pop3/a.ts', `${opening}\n${body(78)}}\n`), 0, opening);
      assert.equal(found('nodes/pop3/a.ts', `${opening}\n${body(79)}}\n`), 1, opening);
    }
    assert.equal(found('nodes/pop3/a.ts', `const a = {\n${body(90)}};\n`), 0);
  });

  it('have one spelling of private members: #name', () => {
    const sources = ['bench', 'demo', 'nodes', 'servers', 'test'].flatMap((folder) => [
      ...filesBelow(folder, '.ts'),
    ]);
    const spelled = sources
      .filter(([path]) => !path.includes('node_modules/') && path !== 'test/sizes.test.ts')
      .flatMap(([path, source]) =>
        linesOf(source).flatMap((line, index) =>
          /^\s*(\*|\/)/.test(line) || !PRIVATE.test(line) ? [] : [`${path}:${index + 1}`],
        ),
      );
    assert.ok(sources.length > 300);
    assert.deepEqual(spelled, []);
    assert.ok(PRIVATE.test('  private readonly name: string;') && !PRIVATE.test('  private constructor() {'));
  });
});
