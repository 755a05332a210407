// Mutates what is well-formed and gives it to a reader. With time given it is guided by V8's own coverage: an input that
// runs code no input before it ran is mutated further. What fails is made small, and belongs into the seeds.
import { Session } from 'node:inspector';
import { random } from '../pop3/harness';

export interface Target {
  /** Well-formed inputs, and those that failed once; a character a byte. */
  seeds: readonly string[];
  /** What has a meaning in the format. */
  words: readonly string[];
  /** Throws where a promise is broken; an input that is refused as it should be is none. */
  read(input: string): unknown;
}

export interface Effort {
  seed: number;
  /** Inputs, where there is no time given. */
  runs: number;
  seconds: number;
}

/** Characters of an input at the most: enough for what costs the square of its size to be noticed. */
const LONGEST = 65_536;
/** Milliseconds of CPU that one input may take. */
const MOST_CPU = 1000;
/** Attempts to make an input that failed smaller. */
const MOST_CUTS = 2000;

/** Resolves with the number of inputs that were read; rejects with the first that fails, made small. */
export async function fuzz(target: Target, { seed, runs, seconds }: Effort): Promise<number> {
  const draw = random(seed);
  const pool = [...target.seeds];
  const coverage = seconds > 0 ? new Coverage() : undefined;
  const until = Date.now() + seconds * 1000;
  let count = 0;
  try {
    for (const input of pool) {
      await attempt(target, input, seed);
      coverage?.isNew();
    }
    for (; seconds > 0 ? Date.now() < until : count < runs; count += 1) {
      const input = mutated(pool, target.words, draw);
      await attempt(target, input, seed);
      if (coverage?.isNew()) pool.push(input);
      if (count % 100 === 0) await new Promise(setImmediate);
    }
  } finally {
    coverage?.end();
  }
  return count;
}

async function attempt(target: Target, input: string, seed: number): Promise<void> {
  const error = await failure(target, input);
  if (error === undefined) return;
  const small = await smallest(target, input);
  const shown = JSON.stringify(small).slice(0, 4000);
  throw new Error(`FUZZ_SEED=${seed}, ${small.length} bytes: ${shown}\n${(error as Error).stack}`);
}

async function failure({ read }: Target, input: string): Promise<unknown> {
  const from = process.cpuUsage();
  try {
    await read(input);
  } catch (error) {
    return error ?? new Error('failed');
  }
  const { user, system } = process.cpuUsage(from);
  const cpu = (user + system) / 1000;
  return cpu > MOST_CPU ? new Error(`${cpu.toFixed(0)} ms for ${input.length} bytes`) : undefined;
}

/** Leaves out pieces, half of it first, for as long as it still fails. */
async function smallest(target: Target, input: string): Promise<string> {
  let small = input;
  let cuts = 0;
  for (let size = Math.ceil(small.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < small.length && cuts < MOST_CUTS; ) {
      const shorter = small.slice(0, at) + small.slice(at + size);
      cuts += 1;
      if (await failure(target, shorter)) small = shorter;
      else at += size;
    }
  }
  return small;
}

function mutated(pool: readonly string[], words: readonly string[], draw: () => number): string {
  const below = (most: number): number => Math.floor(draw() * most);
  const oneOf = (texts: readonly string[]): string => texts[below(texts.length)] as string;
  // What was found last leads furthest.
  let text =
    draw() < 0.5 ? oneOf(pool) : (pool[pool.length - 1 - below(Math.min(20, pool.length))] as string);
  for (let left = 1 + below(6); left > 0; left -= 1) {
    const from = below(text.length + 1);
    const piece = text.slice(from, from + below(draw() < 0.8 ? 24 : 400));
    const by = [
      () => '',
      () => oneOf(words),
      () => oneOf(words) + piece,
      () => piece + piece,
      () => (piece || oneOf(words)).repeat(2 + below(draw() < 0.9 ? 30 : 3000)),
      () => String.fromCharCode(...Array.from({ length: 1 + below(4) }, () => below(256))),
      () => {
        const other = oneOf(pool);
        const at = below(other.length + 1);
        return other.slice(at, at + below(200));
      },
    ][below(7)] as () => string;
    text = (text.slice(0, from) + by() + text.slice(from + piece.length)).slice(0, LONGEST);
  }
  return text;
}

/** A range of characters of a script that did not run. */
type Range = readonly [from: number, to: number];

/** Which code of this package has run at all, function by function and branch by branch. */
class Coverage {
  readonly #session = new Session();
  /** Of each function that ran: what of it has not run in any call. */
  readonly #idle = new Map<string, Range[]>();

  constructor() {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
  }

  /** Whether code has run since the last time that had not run before. */
  isNew(): boolean {
    let isNew = false;
    const { result } = this.#post('Profiler.takePreciseCoverage') as {
      result: {
        scriptId: string;
        url: string;
        functions: { ranges: { startOffset: number; endOffset: number; count: number }[] }[];
      }[];
    };
    for (const { scriptId, url, functions } of result) {
      if (!/\/(nodes|dist)\/[^?]*$/.test(url) || url.includes('node_modules')) continue;
      for (const { ranges } of functions) {
        const [whole, ...inner] = ranges;
        if (whole === undefined || whole.count === 0) continue;
        const idle = inner
          .filter(({ count }) => count === 0)
          .map(({ startOffset, endOffset }): Range => [startOffset, endOffset]);
        const name = `${scriptId}:${whole.startOffset}`;
        const before = this.#idle.get(name);
        const still = before?.filter(([from, to]) => idle.some((one) => one[0] <= from && to <= one[1]));
        if (before === undefined || still?.length !== before.length) isNew = true;
        this.#idle.set(name, still ?? idle);
      }
    }
    return isNew;
  }

  end(): void {
    this.#session.disconnect();
  }

  /** Answers before it returns. */
  #post(method: string, params?: object): unknown {
    let answer: unknown;
    this.#session.post(method, params, (error, result) => {
      if (error) throw error;
      answer = result;
    });
    return answer;
  }
}
