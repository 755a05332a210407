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
  /** The same with its key. */
  self: Certificate;
  /**
   * A server's certificate, good for 30 days. `names` are DNS names and IP addresses; default: those of
   * loopback. With `expired` it ended yesterday, with `sha1` its signature is as weak as it once was common.
   */
  issue(options?: { names?: string[]; expired?: boolean; sha1?: boolean }): Certificate;
  /** An authority below this one: `ca` is its own certificate, which servers have to send along. */
  intermediate(name: string): CertificateAuthority;
}

/** A certificate authority of the tests' own, made by openssl and trusted only where it is configured. */
export function certificateAuthority(name = 'Redletter tests'): CertificateAuthority {
  return authorityOf(
    inFolder((folder) => {
      openssl(
        folder,
        'req',
        '-x509',
        ...newKey('ca'),
        '-days',
        '30',
        '-subj',
        `/CN=${name}`,
        '-out',
        'ca.crt',
      );
      return { cert: read(folder, 'ca.crt'), key: read(folder, 'ca.key') };
    }),
  );
}

function authorityOf(authority: Certificate): CertificateAuthority {
  return {
    ca: authority.cert,
    self: authority,
    issue: ({ names = ['localhost', '127.0.0.1', '::1'], expired = false, sha1 = false } = {}) => {
      const alternatives = names.map((text) => `${/^[\d.]+$|:/.test(text) ? 'IP' : 'DNS'}:${text}`);
      return signed(authority, names[0] ?? '', `subjectAltName = ${alternatives.join(',')}\n`, [
        // A negative number of days is how `openssl x509` makes a certificate that is over already.
        ...['-days', expired ? '-1' : '30'],
        ...(sha1 ? ['-sha1'] : []),
      ]);
    },
    intermediate: (name) =>
      authorityOf(signed(authority, name, 'basicConstraints = critical,CA:true\n', ['-days', '30'])),
  };
}

/** A certificate with a new key, signed by an authority. */
function signed(authority: Certificate, name: string, extensions: string, options: string[]): Certificate {
  return inFolder((folder) => {
    writeFileSync(join(folder, 'ca.crt'), authority.cert);
    writeFileSync(join(folder, 'ca.key'), authority.key, { mode: 0o600 });
    writeFileSync(join(folder, 'new.ext'), extensions);
    openssl(folder, 'req', ...newKey('new'), '-subj', `/CN=${name}`, '-out', 'new.csr');
    openssl(
      folder,
      ...['x509', '-req', '-in', 'new.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...[...options, '-extfile', 'new.ext', '-out', 'new.crt'],
    );
    return { cert: read(folder, 'new.crt'), key: read(folder, 'new.key') };
  });
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
