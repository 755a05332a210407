import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { loopbackCertificate } from './certificates';
import { introspect } from './introspection';

/** A mail as the server took it. */
export interface Sent {
  /** Who was logged in. */
  user: string;
  from: string;
  to: string[];
  /** The bytes, headers and all. */
  mail: string;
}

export interface Smtp {
  /** Implicit TLS, with the certificate of loopback. */
  port: number;
  /** Everything it took so far, the oldest first. */
  sent: readonly Sent[];
  /** Every login that was refused, with what was offered in place of a token. */
  refused: readonly { user: string; token: string }[];
  /** Settles with the next mail that was not handed out before. */
  next(ms?: number): Promise<Sent>;
  close(): Promise<void>;
}

/**
 * A real SMTP server that knows XOAUTH2 only, and asks the sign-in server whose token it was handed: it has to be
 * that of the user who logs in.
 */
export async function startSmtp(introspectionUrl: string): Promise<Smtp> {
  const sent: Sent[] = [];
  const refused: { user: string; token: string }[] = [];
  const listeners = new Set<() => void>();
  let taken = 0;
  const { cert, key } = loopbackCertificate();
  const server = new SMTPServer({
    secure: true,
    cert,
    key,
    authMethods: ['XOAUTH2'],
    onAuth({ username = '', accessToken = '' }, _session, callback) {
      introspect(introspectionUrl, accessToken).then(({ active, email }) => {
        if (active && email === username) return callback(null, { user: username });
        refused.push({ user: username, token: accessToken });
        callback(null, { data: { status: '401', schemes: 'bearer', scope: 'mail.pop' } });
      }, callback);
    },
    onData(stream, { user, envelope }, callback) {
      text(stream).then((mail) => {
        const from = envelope.mailFrom ? envelope.mailFrom.address : '';
        sent.push({ user: String(user), from, to: envelope.rcptTo.map(({ address }) => address), mail });
        callback();
        for (const listener of [...listeners]) listener();
      }, callback);
    },
  });
  // A client that closes the connection is no error here.
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));

  return {
    port: (server.server.address() as AddressInfo).port,
    sent,
    refused,
    next: (ms = 20_000) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const mail = sent[taken];
          if (mail === undefined) return;
          taken += 1;
          settle();
          resolve(mail);
        };
        const settle = (): void => {
          clearTimeout(timer);
          listeners.delete(look);
        };
        const timer = setTimeout(() => {
          settle();
          reject(new Error(`No mail was sent within ${ms / 1000} s; ${refused.length} logins were refused`));
        }, ms);
        listeners.add(look);
        look();
      }),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
