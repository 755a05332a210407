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

/** What can be wrong with a mail that is delivered all the same. */
export type MailProblemCode =
  /** Not a byte came. */
  | 'EMPTY'
  /** The server sent fewer bytes than it announced: a part may be missing. */
  | 'INCOMPLETE'
  /** The parser gave up: the message holds the raw bytes and whatever was known by then. */
  | 'NOT_PARSED'
  /** No Date header; `date` is the time of the newest Received header, or absent. */
  | 'DATE_MISSING'
  /** A Date header that is no date; `date` as for DATE_MISSING. */
  | 'DATE_INVALID'
  /** No sender's address could be found. */
  | 'FROM_MISSING'
  /** A text in a character set that is unknown: it was read as UTF-8. */
  | 'CHARSET'
  /** The text was made from the first part of a long HTML. */
  | 'TEXT_SHORTENED'
  /** The HTML shows only the first part of a long plain text; `payload` has all of it. */
  | 'HTML_SHORTENED'
  /** No text could be made from the HTML. */
  | 'TEXT_NOT_CONVERTED';

/** One problem: a code for flows to switch on, and a sentence for people. */
export interface MailProblem {
  code: MailProblemCode;
  text: string;
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
