/**
 * A promise, or the signal's reason as soon as it is aborted: what is awaited may not know of signals. `late` is called
 * where the abort came first, to clean up what the promise may still bring.
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal, late?: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      late?.();
      reject(signal.reason);
    };
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Whether an error only says that something was aborted, by a signal or by its timeout. */
export const isAbort = (error: unknown): boolean =>
  error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
