// Where decoded bytes go.

/** Takes bytes until its end. */
export interface Sink {
  /** It keeps no bytes but copies of them: what it was given may be written over. */
  readonly keepsCopies?: boolean;
  write(bytes: Buffer): void;
  end(): void;
}

/** Where nothing is kept. */
export const NOTHING: Sink = { write() {}, end() {} };

/** What comes goes into both. */
export function both(one: Sink, other: Sink): Sink {
  return {
    write(bytes) {
      one.write(bytes);
      other.write(bytes);
    },
    end() {
      one.end();
      other.end();
    },
  };
}
