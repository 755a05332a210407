// From parsed headers to the fields of the message.
import type { AddressObject, EmailAddress, Headers } from 'mailparser';
import { parseDate } from './dates';
import { type MailAddress, type MailDetails, type MailProblem, problem } from './message';
import { RISKY } from './parameters';

export interface HeaderFields {
  topic: string;
  from: string;
  date: Date | undefined;
  header: Record<string, unknown>;
  /** `truncated` is for the reader to say. */
  mail: MailDetails;
}

export function fieldsOf(headers: Headers): HeaderFields {
  const problems: MailProblem[] = [];
  const header = headerObject(headers);
  const date = dateOf(headers, problems);
  const from = addresses(headers.get('from'));
  const senders = [...from, ...addresses(headers.get('sender'))].map(({ address }) => address);
  // `Doe, John <john@example.org>` names an account Doe first, if taken at its word.
  const sender = senders.find((one) => one.includes('@')) ?? senders.find(Boolean) ?? '';
  if (!sender) problems.push(problem('FROM_MISSING'));
  const subject = textOf(headers.get('subject'));
  const messageId = textOf(headers.get('message-id'));
  const inReplyTo = textOf(headers.get('in-reply-to'));
  const mail: MailDetails = {
    references: listOf(headers.get('references')).map(String),
    from,
    to: addresses(headers.get('to')),
    cc: addresses(headers.get('cc')),
    bcc: addresses(headers.get('bcc')),
    replyTo: addresses(headers.get('reply-to')),
    subject,
    autoSubmitted: autoSubmitted(textOf(listOf(headers.get('auto-submitted'))[0])),
    truncated: false,
    problems,
  };
  if (messageId) mail.messageId = messageId;
  if (inReplyTo) mail.inReplyTo = inReplyTo;
  if (date) mail.date = date;
  return { topic: subject, from: sender, date, header, mail };
}

/**
 * All headers as own properties of a plain object. It keeps `hasOwnProperty`, which the e-mail output node calls
 * on it; a header named like a part of the object's machinery becomes one string, which no merge can climb into.
 */
function headerObject(headers: Headers): Record<string, unknown> {
  const header: Record<string, unknown> = {};
  for (const [name, value] of headers) {
    if (RISKY.has(name)) {
      Object.defineProperty(header, name, {
        value: listOf(value).map(String).join('\n'),
        configurable: true,
        enumerable: true,
        writable: true,
      });
    } else header[name] = value;
  }
  return header;
}

/**
 * The Date header. Where it is missing or no date, the newest Received header tells when the mail arrived;
 * mailparser would say "now", and call a mail new that is years old.
 */
function dateOf(headers: Headers, problems: MailProblem[]): Date | undefined {
  const written = headers.get('date');
  if (written instanceof Date) return written;
  problems.push(
    typeof written === 'string' && written !== ''
      ? problem('DATE_INVALID', written.slice(0, 100))
      : problem('DATE_MISSING'),
  );
  const received = textOf(listOf(headers.get('received'))[0]);
  return parseDate(received.slice(received.lastIndexOf(';') + 1));
}

function addresses(value: unknown): MailAddress[] {
  return listOf(value).flatMap((one) => mailboxes((one as AddressObject).value ?? []));
}

function mailboxes(list: EmailAddress[]): MailAddress[] {
  return list.flatMap(({ name, address, group }) =>
    group ? mailboxes(group) : [{ name: name ?? '', address: address ?? '' }],
  );
}

function autoSubmitted(value: string): string {
  const keyword = /^[^\s;(]*/.exec(value.trim())?.[0].toLowerCase() ?? '';
  return keyword === 'no' ? '' : keyword;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function listOf(value: unknown): unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}
