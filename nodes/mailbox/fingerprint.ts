import { createHash } from 'node:crypto';
import { fieldsOf } from './header';

/** What names a mail among all mails (RFC 5322 section 3.6): no server rewrites these once it has the mail. */
const NAMING = ['message-id', 'date', 'from', 'subject'];

/** Servers that keep mails in one mbox file note in the header itself that a mail has been read. */
const NOTES = /^(status|x-status|x-keywords|x-uid|x-uidl|x-imap|x-imapbase|content-length|lines):/i;

/** Marks the fingerprint of a mail without Message-ID: it is compared together with the size. */
const WEAK = '~';

/** True of the fingerprint of a mail with a Message-ID. */
export const isStrong = (fingerprint: string): boolean => !fingerprint.startsWith(WEAK);

/** The header of a mail as one digest, without what servers note in it. */
export function digestOf(header: string): string {
  return digest(fieldsOf(header).filter((field) => !NOTES.test(field)));
}

/**
 * What a mail is recognized by: a short hash of its Message-ID, Date, From and Subject; where it has no Message-ID, of
 * its whole header. Blanks do not count, since servers fold lines again.
 */
export function fingerprintOf(header: string): string {
  const naming: string[] = [];
  for (const field of fieldsOf(header)) {
    const colon = field.indexOf(':');
    const at = NAMING.indexOf(field.slice(0, colon).trimEnd().toLowerCase());
    // The topmost counts: what stands below it may have been added by a relay.
    if (at !== -1 && naming[at] === undefined)
      naming[at] = field
        .slice(colon + 1)
        .replace(/\s+/g, ' ')
        .trim();
  }
  const strong = (naming[0] ?? '') !== '';
  return strong
    ? digest(Array.from(naming, (value) => value ?? '')).slice(0, 11)
    : WEAK + digestOf(header).slice(0, 11);
}

/**
 * Whether a mail of this fingerprint and size is the remembered one. A strong fingerprint decides alone, since servers
 * change the size of a mail they note something in.
 */
export function isSameMail(
  remembered: { fingerprint?: string; bytes?: number },
  listed: { fingerprint: string; bytes?: number },
): boolean {
  if (remembered.fingerprint !== listed.fingerprint) return false;
  if (isStrong(listed.fingerprint)) return true;
  return remembered.bytes === undefined || listed.bytes === undefined || remembered.bytes === listed.bytes;
}

const digest = (lines: string[]): string =>
  createHash('sha256').update(lines.join('\n'), 'latin1').digest('base64url');
