import { Pop3Error } from '../error';

/** Checks a message-number (RFC 1939 section 3) before it goes into a command. */
export function messageNumber(number: number): number {
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new Pop3Error('CONFIG', 'A message number is a whole number above 0', {
      reason: 'unsafe-argument',
    });
  }
  return number;
}
