/** One mail as it comes: the bytes as the server has them, byte-stuffing undone. */
export interface RetrievedMail {
  readonly number: number;
  /** Ends when the whole mail has come; rejects with a `Pop3Error` when it cannot. */
  readonly body: AsyncIterable<Buffer>;
}
