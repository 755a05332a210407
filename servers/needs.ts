/** What a server of the tests is missing on this machine, in one line; `undefined` when nothing is. */
export type Missing = () => string | undefined;

const told = new Set<string>();

/**
 * A mocha hook for suites that need a program of the machine: `before(needs(dovecotMissing))`. Where it is
 * missing the suite is pending and one line says why; with `CI` set, missing is failing.
 */
export function needs(...missing: Missing[]): (this: Mocha.Context) => void {
  return function before() {
    const lines = missing.flatMap((look) => look() ?? []);
    if (lines.length === 0) return;
    if (process.env.CI) throw new Error(`Missing: ${lines.join('; ')}`);
    for (const line of lines.filter((line) => !told.has(line))) {
      told.add(line);
      console.log(`    Pending, for want of ${line}`);
    }
    this.skip();
  };
}
