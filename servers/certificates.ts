import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its private key, both PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

export interface CertificateAuthority {
  /** What a client has to trust, PEM. */
  ca: string;
  /**
   * A server's certificate, good for 30 days. `names` are DNS names and IP addresses; default: those of
   * loopback. With `expired` it ended yesterday.
   */
  issue(options?: { names?: string[]; expired?: boolean }): Certificate;
}

/** A certificate authority of the tests' own, made by openssl and trusted only where it is configured. */
export function certificateAuthority(name = 'Redletter tests'): CertificateAuthority {
  const authority = inFolder((folder) => {
    openssl(folder, 'req', '-x509', ...newKey('ca'), '-days', '30', '-subj', `/CN=${name}`, '-out', 'ca.crt');
    return { cert: read(folder, 'ca.crt'), key: read(folder, 'ca.key') };
  });
  return {
    ca: authority.cert,
    issue: ({ names = ['localhost', '127.0.0.1', '::1'], expired = false } = {}) =>
      inFolder((folder) => {
        writeFileSync(join(folder, 'ca.crt'), authority.cert);
        writeFileSync(join(folder, 'ca.key'), authority.key, { mode: 0o600 });
        const alternatives = names.map((text) => `${/^[\d.]+$|:/.test(text) ? 'IP' : 'DNS'}:${text}`);
        writeFileSync(join(folder, 'server.ext'), `subjectAltName = ${alternatives.join(',')}\n`);
        openssl(folder, 'req', ...newKey('server'), '-subj', `/CN=${names[0]}`, '-out', 'server.csr');
        openssl(
          folder,
          ...['x509', '-req', '-in', 'server.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
          // A negative number of days is how `openssl x509` makes a certificate that is over already.
          ...['-days', expired ? '-1' : '30', '-extfile', 'server.ext', '-out', 'server.crt'],
        );
        return { cert: read(folder, 'server.crt'), key: read(folder, 'server.key') };
      }),
  };
}

let shared: { authority: CertificateAuthority; certificate: Certificate } | undefined;

/** An authority and a certificate for loopback, made once a run: enough wherever TLS itself is not the point. */
export function loopbackCertificate(): Certificate & { ca: string } {
  if (!shared) {
    const authority = certificateAuthority();
    shared = { authority, certificate: authority.issue() };
  }
  return { ...shared.certificate, ca: shared.authority.ca };
}

/** What openssl is missing, in one line. */
export function opensslMissing(): string | undefined {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'openssl (Debian: apt-get install openssl)';
  }
}

function newKey(name: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`];
}

function openssl(folder: string, ...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}

function read(folder: string, name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'redletter-certificate-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
