import { Pop3Error } from './error';
import type { Response } from './response';

/** An entry of UIDL (RFC 1939 section 7): bytes above 127 stand as the characters of the same number. */
export interface UniqueId {
  number: number;
  uid: string;
}

/** What an answer to UIDL says otherwise than an earlier one. */
export interface UidlChanges {
  came: UniqueId[];
  /** Unique IDs that are listed no more. */
  went: string[];
}

/** An entry of LIST (RFC 1939 section 5). Exchange's numbers are not the bytes RETR will give. */
export interface Listing {
  number: number;
  /** Absent where the server names no size that could be one. */
  octets?: number;
}

/** What STAT says (RFC 1939 section 5). */
export interface MaildropStatus {
  messages: number;
  octets: number;
}

/** Some servers count bytes in 32 bits with a sign: what is beyond 2 GB they show below zero. */
function unwrapped(octets: number): number {
  return octets < 0 ? octets + 2 ** 32 : octets;
}

export function readStatus(response: Response): MaildropStatus {
  const found = /^(\d{1,15})(?:[ \t]+(-?\d{1,18})?|$)/.exec(response.text);
  if (!found) throw unreadable('STAT');
  return { messages: Number(found[1]), octets: unwrapped(Number(found[2] ?? 0)) };
}

export function readListing(line: string): Listing | undefined {
  const found = /^\s*(\d{1,10})(?:\s+(-?\d{1,18})?|$)/.exec(line);
  const number = Number(found?.[1] ?? 0);
  if (number < 1) return undefined;
  const octets = Number(found?.[2] ?? -1);
  // No single mail has 2 GB: what is below zero here is no overflow, but a size the server does not know.
  return octets < 0 ? { number } : { number, octets };
}

/** Several blanks after the number, blanks inside the unique ID, or none at all: all of them exist. */
export function readUniqueId(line: string): UniqueId | undefined {
  const found = /^\s*(\d{1,10})(?:[ \t]+(.*))?$/s.exec(line);
  // There is no mail number 0 (RFC 1939 section 3): asking for it would end the check.
  return found && Number(found[1]) > 0 ? { number: Number(found[1]), uid: found[2] ?? '' } : undefined;
}

/** The answer to `UIDL n`; one about another number is none. */
export function readSingleUid(response: Response, number: number): string {
  const id = readUniqueId(response.text);
  if (id?.number !== number) throw unreadable('UIDL');
  return id.uid;
}

export function unreadable(command: string): Pop3Error {
  return new Pop3Error('PROTOCOL', `The answer to ${command} cannot be read`, { command });
}
