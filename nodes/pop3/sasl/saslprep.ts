import { Pop3Error } from '../error';

/** RFC 3454 B.1: mapped to nothing. */
const NOTHING = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|[\u200b-\u200d]|\u2060|[\ufe00-\ufe0f]|\ufeff/g;

/** RFC 3454 C.1.2: blanks that are not the blank. */
const BLANKS = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu;

/** RFC 4013 section 2.3: control, private use, not characters, surrogates, unfit for text, marks of direction, tags. */
const PROHIBITED = new RegExp(
  [
    '[\\u0000-\\u001f\\u007f]', // C.2.1
    '[\\u0080-\\u009f\\u06dd\\u070f\\u180e\\u200c\\u200d\\u2028\\u2029\\u2060-\\u2063\\u206a-\\u206f]', // C.2.2
    '[\\ufeff\\ufff9-\\ufffc\\u{1d173}-\\u{1d17a}]', // C.2.2
    '\\p{Private_Use}', // C.3
    '\\p{Noncharacter_Code_Point}', // C.4
    '\\p{Surrogate}', // C.5
    '[\\ufff9-\\ufffd]', // C.6
    '[\\u2ff0-\\u2ffb]', // C.7
    '[\\u0340\\u0341\\u200e\\u200f\\u202a-\\u202e]', // C.8
    '[\\u{e0001}\\u{e0020}-\\u{e007f}]', // C.9
  ].join('|'),
  'u',
);

/** RFC 3454 D.1: written from right to left. */
const RIGHT_TO_LEFT =
  '\\u05be\\u05c0\\u05c3\\u05d0-\\u05ea\\u05f0-\\u05f4\\u061b\\u061f\\u0621-\\u063a\\u0640-\\u064a\\u066d-\\u066f' +
  '\\u0671-\\u06d5\\u06dd\\u06e5\\u06e6\\u06fa-\\u06fe\\u0700-\\u070d\\u0710\\u0712-\\u072c\\u0780-\\u07a5\\u07b1' +
  '\\u200f\\ufb1d\\ufb1f-\\ufb28\\ufb2a-\\ufb36\\ufb38-\\ufb3c\\ufb3e\\ufb40\\ufb41\\ufb43\\ufb44\\ufb46-\\ufbb1' +
  '\\ufbd3-\\ufd3d\\ufd50-\\ufd8f\\ufd92-\\ufdc7\\ufdf0-\\ufdfc\\ufe70-\\ufe74\\ufe76-\\ufefc';
const SOME_RIGHT_TO_LEFT = new RegExp(`[${RIGHT_TO_LEFT}]`, 'u');
/** RFC 3454 section 6: begins and ends from right to left, and holds no letter of the other kind. */
const ALL_RIGHT_TO_LEFT = new RegExp(
  `^[${RIGHT_TO_LEFT}](?:(?:[${RIGHT_TO_LEFT}]|\\P{L})*[${RIGHT_TO_LEFT}])?$`,
  'u',
);

/**
 * SASLprep (RFC 4013): the one form in which both sides of SCRAM hash a name or password, however it was typed.
 * Characters that Unicode did not know then pass, as RFC 4013 section 2.5 has it for what is sent. Errors: `CONFIG`, which
 * never says which character it was.
 */
export function saslprep(text: string): string {
  const prepared = text.replace(NOTHING, '').replace(BLANKS, ' ').normalize('NFKC');
  if (PROHIBITED.test(prepared)) {
    throw new Pop3Error('CONFIG', 'SCRAM takes no such character in a user name or password', {
      reason: 'unsafe-argument',
    });
  }
  if (SOME_RIGHT_TO_LEFT.test(prepared) && !ALL_RIGHT_TO_LEFT.test(prepared)) {
    throw new Pop3Error('CONFIG', 'SCRAM takes no name or password written in both directions', {
      reason: 'unsafe-argument',
    });
  }
  return prepared;
}
