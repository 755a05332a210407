import { Pop3Error } from './error';
import type { Response } from './response';

/** One command and what becomes of its reply. Exactly one of `end` and `fail` is called, once. */
export interface Exchange {
  /** What is sent, without CRLF. */
  readonly line: string;
  /** What a trace shows in its place. */
  readonly shown?: string;
  /** `mail`: this reply is not awaited as a whole; bytes may wait for their reader. */
  readonly kind: 'greeting' | 'command' | 'mail';
  /** Whether `+` is an answer to it (RFC 5034 section 4). */
  readonly continues?: boolean;
  /** Whether nothing may come after its reply: STLS. */
  readonly last?: boolean;
  /** Whether a correct server may take minutes to answer: it lists a large mailbox, or looks for viruses. */
  readonly slow?: boolean;
  /** The status line has come; the answer says whether a multi-line reply follows. */
  status(response: Response): boolean;
  data?(bytes: Buffer): void;
  /** Its bytes are not needed any more. */
  abandon?(): void;
  end(): void;
  fail(error: Pop3Error): void;
}

/** The command word of an exchange, as it may be shown. */
export function wordOf({ line, shown }: Pick<Exchange, 'line' | 'shown'>): string | undefined {
  return (shown ?? line).split(' ')[0] || undefined;
}

/** Why a command cannot be sent: an argument holds what ends a command or cuts a string. */
export function unsafeArgument({ line }: Exchange): Pop3Error | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these end a command or cut a string
  if (!/[\r\n\u0000]/.test(line)) return undefined;
  return new Pop3Error('CONFIG', 'CR, LF and NUL have no place in a command', { reason: 'unsafe-argument' });
}
