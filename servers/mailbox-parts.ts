import type { MailboxParts } from '../nodes/mailbox';
import { openSession } from '../nodes/mailbox/session';
import type { ConnectOptions } from '../nodes/pop3';
import { settings } from './mailbox-checker';

/** When a mail counts as processed, and what becomes of it then. */
export interface Mode {
  handled: 'send' | 'ack';
  after: 'keep' | 'delete' | 'expire';
}

export const MODES: Mode[] = (['send', 'ack'] as const).flatMap((handled) =>
  (['keep', 'delete', 'expire'] as const).map((after) => ({ handled, after })),
);

type Own = Pick<MailboxParts, 'ledger' | 'spool' | 'open' | 'deliver' | 'clock'> &
  Partial<Omit<MailboxParts, 'settings'>> & { settings?: Partial<MailboxParts['settings']> };

/** The parts of a mailbox without listeners, except for those given: it checks when asked and begins with all. */
export function mailboxParts(own: Own): MailboxParts {
  return {
    reading: { content: 'parsed', attachments: 'buffer' },
    inTurn: (run) => run(),
    mayDelete: () => true,
    onState: () => undefined,
    onError: () => undefined,
    onQuarantined: () => undefined,
    onSummary: () => undefined,
    random: () => 0.5,
    ...own,
    settings: { ...settings, interval: 0, first: 'all', ...own.settings },
  };
}

/** The same in a mode. */
export function partsInMode({ handled, after }: Mode, own: Own): MailboxParts {
  const maxAttempts = own.settings?.maxAttempts ?? settings.maxAttempts;
  return mailboxParts({
    ...own,
    settings: { maxSize: 25_000_000, ...own.settings, after },
    ...(handled === 'ack' && { ack: { ackTimeout: 600, maxAttempts, maxInFlight: 10 } }),
  });
}

/** Logs in to a scripted server. */
export const openAt =
  (server: { port: number }, more: Partial<ConnectOptions> = {}): MailboxParts['open'] =>
  (signal) =>
    openSession(
      { host: '127.0.0.1', port: server.port, security: 'none', ...more },
      { user: 'alice', password: 'secret', mechanism: 'auto' },
      signal,
    );
