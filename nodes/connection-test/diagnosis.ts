import type { ConnectOptions } from '../pop3';
import { certificateFacts, elsewhere, refusedCertificate } from './looks';
import type { Failure, Step } from './report';

/** Where a wrong port or kind of encryption may be the reason. */
const WRONG_PORT: ReadonlySet<string> = new Set([
  'refused',
  'timeout',
  'hung-up',
  'server-speaks-plain',
  'server-speaks-tls',
  'starttls-not-offered',
  'speaks-imap',
  'speaks-smtp',
  'protocol',
  'tls',
]);
const CERTIFICATE: ReadonlySet<string> = new Set([
  'self-signed',
  'untrusted-issuer',
  'intermediate-missing',
  'signature-too-weak',
  'wrong-name',
  'certificate-expired',
  'certificate-not-yet-valid',
  'certificate-rejected',
]);

/** Finds out more about a step that has failed: the certificate that was refused, or where a POP3 server answers. */
export async function diagnose(
  step: Step,
  failure: Failure,
  {
    server,
    connected,
    signal,
    now,
  }: {
    server: ConnectOptions & { port: number };
    /** A POP3 server has answered. */
    connected: boolean;
    signal: AbortSignal;
    /** Ms since the epoch. */
    now: number;
  },
): Promise<void> {
  if (CERTIFICATE.has(failure.reason)) {
    const seen = await refusedCertificate(server, signal);
    step.facts = seen ? { ...certificateFacts(seen, now), trusted: false } : undefined;
    if (seen) failure.facts.names = (seen.names ?? []).join(', ') || (seen.subject ?? '');
  } else if (!connected && step.step !== 'name' && WRONG_PORT.has(failure.reason)) {
    const instead = await elsewhere(server, signal);
    if (instead) failure.instead = instead;
  }
}
