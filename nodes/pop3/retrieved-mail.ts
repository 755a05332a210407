/** One mail as it comes: the bytes as the server has them, byte-stuffing undone. */
export interface RetrievedMail {
  readonly number: number;
  /** Bytes that the server announces in its answer to RETR, where it names any. */
  readonly announced?: number | undefined;
  /** Ends when the whole mail has come; rejects with a `Pop3Error` when it cannot. */
  readonly body: AsyncIterable<Buffer>;
}
