// Where a conversion runs: short ones here, long ones in the second thread.
import { isMainThread } from 'node:worker_threads';
import { LONGEST } from './charset';
import { type Conversion, runConversion } from './conversion';
import { secondThread, type Thread } from './thread';

/** Characters up to which a conversion stays in the main thread: some ten milliseconds of HTML. */
const SHORT = 32 * 1024;

export interface Converted {
  output: string;
  /** Only the first part of the input was converted. */
  shortened: boolean;
}

/** Where conversions run when they are too long for the main thread. */
export class Converter {
  constructor(private readonly thread: Thread = secondThread) {}

  /**
   * Converts a text, or the first LONGEST characters of it.
   *
   * @throws Error when it cannot be converted, takes too long or needs too much memory
   */
  async convert(conversion: Conversion, input: string): Promise<Converted> {
    const head = input.length > LONGEST ? cut(conversion, input) : input;
    const output =
      isMainThread && head.length > SHORT
        ? ((await this.thread.run({ conversion, input: head })) as string)
        : await runConversion(conversion, head);
    return { output, shortened: head.length < input.length };
  }
}

/** Cuts before the tag, or behind the line, that would be torn apart; between surrogates never. */
function cut(conversion: Conversion, input: string): string {
  const at =
    conversion === 'html-to-text' ? input.lastIndexOf('<', LONGEST) : input.lastIndexOf('\n', LONGEST);
  if (at > LONGEST / 2) return input.slice(0, at);
  const torn = (input.charCodeAt(LONGEST - 1) & 0xfc00) === 0xd800;
  return input.slice(0, torn ? LONGEST - 1 : LONGEST);
}

/** The one of this process. */
export const converter = new Converter();
