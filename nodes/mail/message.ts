// What comes out of this room: the fields of a Node-RED message, and what was wrong with the mail.

/** How much of a mail goes into the message. */
export type MailContent = 'parsed' | 'raw' | 'both' | 'headers';

/** What becomes of attachments: kept in memory, written to files, or only named and measured. */
export type AttachmentMode = 'buffer' | 'file' | 'none';

/** One mailbox of an address header (RFC 5322, section 3.4). Groups are resolved to their members. */
export interface MailAddress {
  /** The display name, encoded words decoded; empty when there is none. */
  name: string;
  /** The address itself, `local@domain`; empty when the header gave a name only. */
  address: string;
}

/**
 * A part of the mail that is not its text.
 *
 * `filename` to `checksum` are mailparser's fields; `fileName`, `generatedFileName` and `length` are the
 * names older flows use. With attachments `file` there is `path` and no `content`, with `none` neither.
 */
export interface MailAttachment {
  /** The name the mail gave, word for word: it may hold a path. Absent when there is none. */
  filename?: string;
  /** `filename` made safe, since flows write files by it; `generatedFileName` where the mail gave no name. */
  fileName: string;
  /** A name no other attachment of this mail has, safe to create a file by on any system. */
  generatedFileName: string;
  contentType: string;
  contentDisposition?: string;
  /** The Content-ID header with its angle brackets. */
  contentId?: string;
  /** The Content-ID without angle brackets, as `cid:` addresses name it. */
  cid?: string;
  /** True in a multipart/related part: an image of the HTML, most likely. */
  related?: boolean;
  /** The headers of the part, names in lower case. A Map, as mailparser has it. */
  headers: Map<string, unknown>;
  /** The part number as in IMAP (`2`, `1.2`), null where the whole mail is the attachment. */
  partId: string | null;
  /** Decoded bytes. */
  size: number;
  /** The same as `size`. */
  length: number;
  /** SHA-256 of the decoded bytes, hexadecimal. */
  checksum: string;
  content?: Buffer;
  /** Absolute path of the file the attachment was written to. */
  path?: string;
}

/** What can be wrong with a mail that is delivered all the same, and what it means for the message. */
const MAIL_PROBLEMS = {
  /** Not a byte came. */
  EMPTY: 'The mail is empty',
  /** The server sent fewer bytes than it announced: a part may be missing. */
  INCOMPLETE: 'The server sent fewer bytes than it announced',
  /** A multipart in which no part was found: its content is text, and the message holds the raw bytes. */
  NOT_PARSED: 'The mail could not be parsed',
  /** The boundary of a multipart is missing or wrong; the one that stands in front of its parts was taken. */
  BOUNDARY: 'The boundary between the parts is missing or wrong; it was guessed',
  /** No Date header; `date` is the time of the newest Received header, or absent. */
  DATE_MISSING: 'The mail has no Date header',
  /** A Date header that is no date; `date` as for DATE_MISSING. */
  DATE_INVALID: 'The Date header is no date',
  /** No sender's address could be found. */
  FROM_MISSING: "The mail does not name its sender's address",
  /** A text in a character set that is unknown or not what the text is in. */
  CHARSET: 'A text is not in the character set it declares',
  /** Text or HTML was made from the first part of a long HTML or text. */
  TEXT_SHORTENED: 'The text was made from the first 512 kB of the HTML or enriched text',
  /** The HTML shows only the first part of a long plain text; `payload` has all of it. */
  HTML_SHORTENED: 'The HTML shows the first 128 kB of a text; the payload has all of it',
  /** The HTML shows more images that the mail brought than are put into it; they are among the attachments. */
  IMAGES_LEFT_OUT: 'The HTML is too long or shows too many images; not all of them were put into it',
  /** Something other than base64 stood behind the end of a base64 part, and was left out. */
  CONTENT_AFTER_END: 'Content behind the end of a base64 part was left out',
  /** A multipart goes on behind its closing delimiter: the parts there are taken as its parts. */
  PARTS_AFTER_END: 'Parts behind the end of a multipart were taken as parts of it',
  /** A part declares base64 and is none: its content came out as it is. */
  NOT_BASE64: 'A part declares base64 and is none; its content was taken as it is',
  /** Parts inside each other beyond MAX_LEVELS: the innermost came out as one attachment, undecoded. */
  TOO_DEEP: 'The parts are nested too deeply; the innermost are one attachment',
  /** More parts than MAX_PARTS: what is left came out as one attachment, undecoded. */
  TOO_MANY_PARTS: 'The mail has too many parts; the last ones are one attachment',
  /** More files in plain text or winmail.dat than MAX_FOUND_FILES, or RTF than MAX_RTF: the rest is still there. */
  TOO_MANY_FILES: 'The text or winmail.dat holds too many files or too much text; the rest was left in it',
  /** A header block, a field or a list of addresses beyond its limit: the rest of it was left out. */
  HEADERS_SHORTENED: 'The headers are too long; some of them were left out',
  /** The name of an attachment was cut. */
  NAME_SHORTENED: 'The name of an attachment is too long; it was shortened',
  /** A winmail.dat that could not be read: it is among the attachments as it came. */
  TNEF: 'The contents of winmail.dat could not be read',
} as const;

export type MailProblemCode = keyof typeof MAIL_PROBLEMS;

/** One problem: a code for flows to switch on, and a sentence for people. */
export interface MailProblem {
  code: MailProblemCode;
  text: string;
}

/** A problem in its own words, or with more of them. */
export function problem(code: MailProblemCode, more?: string): MailProblem {
  return { code, text: more === undefined ? MAIL_PROBLEMS[code] : `${MAIL_PROBLEMS[code]}: ${more}` };
}

/** One result of RFC 8601, such as `pass` or `softfail`; `none` where the server tells nothing. */
export type AuthenticationResult = string;

/** What a trusted receiving server says about who sent the mail. */
export interface MailAuthentication {
  /** The server whose results these are; empty: none that is trusted has left any. */
  by: string;
  spf: AuthenticationResult;
  dkim: AuthenticationResult;
  dmarc: AuthenticationResult;
  arc: AuthenticationResult;
  /** `pass`: the domain in From is proven. `fail`: it is not, and should be. `none`: nothing is known of it. */
  verdict: 'pass' | 'fail' | 'none';
}

/** What the e-mail node has no place for: `msg.mail`. */
export interface MailDetails {
  /** With angle brackets; absent where the mail has none. */
  messageId?: string;
  inReplyTo?: string;
  references: string[];
  from: MailAddress[];
  to: MailAddress[];
  cc: MailAddress[];
  bcc: MailAddress[];
  replyTo: MailAddress[];
  subject: string;
  date?: Date;
  /** The keyword of Auto-Submitted (RFC 3834), such as `auto-replied`; empty when absent or `no`. */
  autoSubmitted: string;
  /** What the receiving server found out about the sender (RFC 8601); see docs/authentication.md. */
  authentication?: MailAuthentication;
  /** The new text of an answer, without what it quotes. Only where it was asked for. */
  reply?: string;
  /** True when only what TOP gave was read. */
  truncated: boolean;
  problems: MailProblem[];
}

/** The fields of a Node-RED message a mail fills, and no others. */
export interface MailMessage {
  /** The subject; empty when there is none. */
  topic: string;
  /** The text, made from the HTML where there is no text part; empty when there is none. */
  payload: string;
  html?: string;
  /** The bare address of the first sender; empty when there is none. */
  from: string;
  /** The Date header; see DATE_MISSING for when it is not there. */
  date?: Date;
  /** All headers by lower-case name, in mailparser's parsed values. */
  header: Record<string, unknown>;
  attachments: MailAttachment[];
  mail: MailDetails;
  /** The bytes as they came. */
  raw?: Buffer;
}
