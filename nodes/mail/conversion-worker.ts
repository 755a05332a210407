// The second thread: converts what it is sent, one after the other.
import { parentPort } from 'node:worker_threads';
import { type Conversion, runConversion } from './conversion';

/** What the main thread sends. */
export interface ConversionRequest {
  id: number;
  conversion: Conversion;
  input: string;
}

/** What it gets back: `output`, or the message of an error. */
export interface ConversionReply {
  id: number;
  output?: string;
  error?: string;
}

parentPort?.on('message', ({ id, conversion, input }: ConversionRequest) => {
  runConversion(conversion, input)
    .then((output): ConversionReply => ({ id, output }))
    .catch(
      (error: unknown): ConversionReply => ({
        id,
        error: error instanceof Error ? error.message : String(error),
      }),
    )
    .then((reply) => parentPort?.postMessage(reply));
});
