// The mailboxes that are measured, and how they get into a Dovecot: written once, linked again for each run, since
// the e-mail node deletes what it has fetched.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Dovecot } from '../servers/dovecot';

export interface Box {
  title: string;
  count: number;
  mail(index: number): Buffer;
  /** Milliseconds of a round trip that the network adds. */
  roundTrip: number;
}

const head = (index: number): string =>
  [
    'Return-Path: <order@example.org>',
    `Received: from mx.example.org (mx.example.org [192.0.2.1])\r\n\tby mail.example.net with ESMTPS id ${index}\r\n\tfor <shop@example.net>; Mon, 23 Nov 2026 10:00:01 +0000`,
    'Date: Mon, 23 Nov 2026 10:00:00 +0000',
    'From: =?utf-8?Q?J=C3=B6rg_M=C3=BCller?= <order@example.org>',
    'To: shop@example.net, "Second, the" <second@example.net>',
    `Message-ID: <${index}@example.org>`,
    `Subject: Order ${index}`,
    'MIME-Version: 1.0',
  ].join('\r\n');

const LINE = 'This is a line of text as people write them, and no longer than that.\r\n';
const ROW = '<tr><td class="a">An article</td><td><a href="https://example.org/4711">4711</a></td></tr>\r\n';
const filled = (line: string, octets: number): string => line.repeat(Math.floor(octets / line.length));

/** Text and nothing else, as a machine or a person writes it. */
export const textMail = (index: number, octets = 3400): Buffer => {
  const top = `${head(index)}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n`;
  return Buffer.from(top + filled(LINE, octets - top.length));
};

/** Text, HTML and an attachment, as most programs send it. */
export function htmlMail(index: number, octets: number, html: number): Buffer {
  const top = `${head(index)}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${filled(LINE, 2000)}\r\n--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<table>\r\n${filled(ROW, html)}</table>\r\n--a--\r\n--b\r\nContent-Type: application/pdf; name=order.pdf\r\nContent-Disposition: attachment; filename=order.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n`;
  const end = '\r\n--b--\r\n';
  // 57 bytes become a line of 76 characters and its end.
  const lines = Math.floor((octets - top.length - end.length) / 78);
  const base64 = Buffer.alloc(lines * 57, `attachment ${index} `)
    .toString('base64')
    .replace(/.{76}/g, '$&\r\n');
  return Buffer.from(top + base64 + end);
}

export const BOXES = {
  a: { title: '10,000 × 3.4 kB text', count: 10_000, mail: textMail, roundTrip: 0 },
  b: {
    title: '1,000 × 73 kB HTML and attachment',
    count: 1000,
    mail: (index) => htmlMail(index, 73_000, 20_000),
    roundTrip: 0,
  },
  c: { title: '20 × 25 MB', count: 20, mail: (index) => htmlMail(index, 25_000_000, 20_000), roundTrip: 0 },
  far: { title: '250 × 3.4 kB at 40 ms', count: 250, mail: textMail, roundTrip: 40 },
  hundred: { title: '100 × 3.4 kB text', count: 100, mail: textMail, roundTrip: 0 },
  one: { title: 'the first mail of a Node-RED, 3.4 kB', count: 1, mail: textMail, roundTrip: 0 },
  farther: { title: '2,000 × 3.4 kB at 40 ms', count: 2000, mail: textMail, roundTrip: 40 },
} satisfies Record<string, Box>;
export type BoxName = keyof typeof BOXES;

/** Puts the mails of a box aside, to be linked into the mailbox by `refill`. */
export async function prepare(dovecot: Dovecot, user: string, box: Box): Promise<void> {
  for (let index = 1; index <= box.count; index += 1) await dovecot.deliver(user, box.mail(index));
  const maildir = join(dovecot.folder, 'mail', user);
  mkdirSync(join(dovecot.folder, 'masters'), { recursive: true });
  renameSync(join(maildir, 'new'), masterOf(dovecot, user));
  await refill(dovecot, user);
}

/** The mailbox as it was at first; not even Dovecot has seen it. */
export async function refill(dovecot: Dovecot, user: string): Promise<void> {
  // A session that is still deleting would delete the new links.
  for (let log = ''; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    log = await dovecot.log();
    const begun = log.match(/: Login: /g) ?? [];
    const ended = log.match(/: (?:Disconnected|Connection closed).* (?:top=|in=\d+ out=)/g) ?? [];
    if (begun.length <= ended.length) break;
  }
  const maildir = join(dovecot.folder, 'mail', user);
  for (const name of readdirSync(maildir)) rmSync(join(maildir, name), { recursive: true });
  execFileSync('cp', ['-al', masterOf(dovecot, user), join(maildir, 'new')]);
  for (const name of ['cur', 'tmp']) {
    mkdirSync(join(maildir, name));
    execFileSync('chown', ['--reference', maildir, join(maildir, name)]);
  }
}

const masterOf = (dovecot: Dovecot, user: string): string => join(dovecot.folder, 'masters', user);
