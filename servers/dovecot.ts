import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { type Certificate, loopbackCertificate, opensslMissing } from './certificates';
import { endChild, startChild } from './child';
import { freePorts } from './ports';

export interface DovecotOptions {
  /**
   * Where tokens are checked, with the mail server's own client id and secret in the address
   * (`TestProvider.introspectionUrl`). Absent: no XOAUTH2 and no OAUTHBEARER.
   */
  introspectionUrl?: string;
  /** Who may log in with which password. Default: alice@example.test with `correct horse`. */
  users?: Record<string, string>;
  /** SASL mechanisms besides the two for tokens. Default: PLAIN and LOGIN. */
  mechanisms?: string[];
  /** IMAP is served as well, on a port of its own; needs Debian's dovecot-imapd. */
  imap?: boolean;
  /** Default: one for loopback, issued by an authority of the tests' own. */
  certificate?: Certificate & { ca: string };
}

export interface Dovecot {
  host: '127.0.0.1';
  /** The plain port, where STLS is offered. */
  port: number;
  /** The port of implicit TLS. */
  tlsPort: number;
  /** The port of unencrypted IMAP, where it was asked for. */
  imapPort: number | undefined;
  /** What a client has to trust, PEM. */
  ca: string;
  /** Where it keeps everything: the mailbox of a user is the Maildir `mail/<user>`. */
  folder: string;
  /** Puts a mail into a mailbox, as it stands. Mails are listed in the order they were delivered. */
  deliver(user: string, mail: Buffer | string): Promise<void>;
  /** The mails a mailbox holds, in the order they were delivered: what a DELE has really removed is not there. */
  mails(user: string): Promise<Buffer[]>;
  /** What Dovecot has written into its log. */
  log(): Promise<string>;
  stop(): Promise<void>;
}

/** What Dovecot is missing, in one line. Its configuration changed with 2.4; the one below is for 2.3. */
export function dovecotMissing(): string | undefined {
  const advice = 'Dovecot 2.3 with POP3 (Debian 12: apt-get install dovecot-core dovecot-pop3d openssl)';
  const version = dovecotVersion();
  if (!version) return advice;
  return version.startsWith('2.3.') ? opensslMissing() : `${advice}; here is ${version}`;
}

/** Why Dovecot serves no IMAP here. */
export function imapMissing(): string | undefined {
  const folders = ['/usr/lib/dovecot', '/usr/libexec/dovecot', '/usr/local/libexec/dovecot'];
  const isThere = folders.some((folder) => existsSync(join(folder, 'imap-login')));
  return isThere ? undefined : 'Dovecot without IMAP (Debian 12: apt-get install dovecot-imapd)';
}

/** A real Dovecot in a folder and on ports of its own, without privileges. */
export async function startDovecot(options: DovecotOptions = {}): Promise<Dovecot> {
  const missing = dovecotMissing();
  if (missing) throw new Error(`Missing: ${missing}`);
  const folder = await mkdtemp(join(tmpdir(), 'redletter-dovecot-'));
  const owner = mailOwner();
  try {
    if (owner.chown) await chown(folder, owner.uid, owner.gid);
    const certificate = options.certificate ?? loopbackCertificate();
    await writeFile(join(folder, 'server.crt'), certificate.cert);
    await writeFile(join(folder, 'server.key'), certificate.key, { mode: 0o600 });
    const users = options.users ?? { 'alice@example.test': 'correct horse' };
    const passwords = Object.entries(users).map(([user, password]) => `${user}:{PLAIN}${password}`);
    await writeFile(join(folder, 'passwords'), `${passwords.join('\n')}\n`);
    if (options.introspectionUrl) {
      await writeFile(join(folder, 'oauth2.ext'), introspection(options.introspectionUrl));
    }
    await mkdir(join(folder, 'mail'));
    if (owner.chown) await chown(join(folder, 'mail'), owner.uid, owner.gid);
    const { child, ...ports } = await launch(folder, owner.name, owner.group, options);
    return new RunningDovecot(folder, owner, child, ports, certificate.ca);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

type Owner = ReturnType<typeof mailOwner>;

interface Ports {
  port: number;
  tlsPort: number;
  imapPort: number | undefined;
}

class RunningDovecot implements Dovecot {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly tlsPort: number;
  readonly imapPort: number | undefined;
  #delivered = 0;

  constructor(
    readonly folder: string,
    readonly owner: Owner,
    readonly child: ChildProcess,
    { port, tlsPort, imapPort }: Ports,
    readonly ca: string,
  ) {
    this.port = port;
    this.tlsPort = tlsPort;
    this.imapPort = imapPort;
  }

  async deliver(user: string, mail: Buffer | string): Promise<void> {
    const maildir = join(this.folder, 'mail', user.toLowerCase());
    for (const path of [maildir, ...['cur', 'new', 'tmp'].map((name) => join(maildir, name))]) {
      const made = await mkdir(path, { recursive: true });
      if (made && this.owner.chown) await chown(path, this.owner.uid, this.owner.gid);
    }
    this.#delivered += 1;
    // Dovecot numbers what it finds in the order of the names.
    const name = `${1_700_000_000 + this.#delivered}.M1P1.localhost`;
    const written = join(maildir, 'tmp', name);
    await writeFile(written, mail);
    if (this.owner.chown) await chown(written, this.owner.uid, this.owner.gid);
    await rename(written, join(maildir, 'new', name));
  }

  async mails(user: string): Promise<Buffer[]> {
    const maildir = join(this.folder, 'mail', user.toLowerCase());
    for (;;) {
      const found: { name: string; path: string }[] = [];
      for (const part of ['new', 'cur']) {
        const names = await readdir(join(maildir, part)).catch(() => []);
        found.push(...names.map((name) => ({ name, path: join(maildir, part, name) })));
      }
      found.sort((a, b) => (a.name < b.name ? -1 : 1));
      try {
        return await Promise.all(found.map(({ path }) => readFile(path)));
      } catch (error) {
        // Deleted, or moved from new to cur, in this very moment: looked at once more.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  }

  log(): Promise<string> {
    return readFile(join(this.folder, 'log'), 'utf8').catch(() => '');
  }

  async stop(): Promise<void> {
    // Told to stop in an orderly way, it takes six seconds over it; what was answered is on disk already.
    await endChild(this.child, 'SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The ports are looked for, let go and taken by Dovecot; should another be faster, once more. */
async function launch(folder: string, user: string, group: string, options: DovecotOptions) {
  for (let attempt = 1; ; attempt += 1) {
    const [port, tlsPort, imapPort] = await freePorts(options.imap ? 3 : 2);
    if (port === undefined || tlsPort === undefined) throw new Error('no free port');
    const config = join(folder, 'dovecot.conf');
    await writeFile(config, configuration(folder, user, group, { port, tlsPort, imapPort }, options));
    const child = startChild(dovecotPath(), ['-F', '-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      said += bytes;
    });
    let ended = false;
    child.once('exit', () => {
      ended = true;
    });
    const until = Date.now() + 10_000;
    while (!ended && Date.now() < until) {
      const isReady =
        (await greets(port)) && (await greets(tlsPort, false)) && (!imapPort || (await greets(imapPort)));
      if (isReady) return { child, port, tlsPort, imapPort };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await endChild(child, 'SIGKILL');
    said += await readFile(join(folder, 'log'), 'utf8').catch(() => '');
    if (attempt === 3 || !said.includes('already in use')) throw new Error(`Dovecot did not start: ${said}`);
  }
}

/** Whether a server answers there, for an unencrypted protocol with a greeting. */
function greets(port: number, greeting = true): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    socket.once(greeting ? 'data' : 'connect', () => settle(true));
  });
}

function configuration(
  folder: string,
  user: string,
  group: string,
  { port, tlsPort, imapPort }: Ports,
  options: DovecotOptions,
): string {
  const tokens = options.introspectionUrl ? ['xoauth2', 'oauthbearer'] : [];
  const passwords = (options.mechanisms ?? ['plain', 'login']).map((name) => name.toLowerCase());
  return `
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/log
auth_verbose = yes
protocols = ${imapPort ? 'pop3 imap' : 'pop3'}
mail_location = maildir:${folder}/mail/%Lu
mail_uid = ${user}
mail_gid = ${group}
first_valid_uid = 1
# Maildir file names are ordered; without this, mail delivered while a session runs may be missed for a second.
maildir_very_dirty_syncs = no
mail_max_userip_connections = 0
ssl = yes
ssl_cert = <${folder}/server.crt
ssl_key = <${folder}/server.key
disable_plaintext_auth = no
auth_mechanisms = ${[...passwords, ...tokens].join(' ')}
auth_failure_delay = 0
auth_cache_size = 0
service anvil {
  chroot =
  # Otherwise each failed login of a test makes the next one wait longer.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    address = 127.0.0.1
    port = ${port}
  }
  inet_listener pop3s {
    address = 127.0.0.1
    port = ${tlsPort}
    ssl = yes
  }
}
${
  imapPort
    ? `service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = ${imapPort}
  }
  inet_listener imaps {
    port = 0
  }
}`
    : ''
}
passdb {
  driver = passwd-file
  mechanisms = ${passwords.join(' ')}
  args = username_format=%Lu ${folder}/passwords
}
${
  options.introspectionUrl
    ? `passdb {
  driver = oauth2
  mechanisms = ${tokens.join(' ')}
  args = ${folder}/oauth2.ext
}`
    : ''
}
userdb {
  driver = static
  args = uid=${user} gid=${group} home=${folder}/mail/%Lu
}
`;
}

function introspection(url: string): string {
  return `introspection_mode = post
introspection_url = ${url}
username_attribute = email
username_format = %Lu
active_attribute = active
active_value = true
scope = mail.pop
`;
}

/** Dovecot refuses to run its parts as root; `nobody` is on every machine. */
function mailOwner(): { name: string; group: string; uid: number; gid: number; chown: boolean } {
  const { username, uid, gid } = userInfo();
  if (uid !== 0) return { name: username, group: idOf('-gn', username), uid, gid, chown: false };
  const [id, groupId] = [idOf('-u', 'nobody'), idOf('-g', 'nobody')];
  return { name: 'nobody', group: idOf('-gn', 'nobody'), uid: Number(id), gid: Number(groupId), chown: true };
}

function idOf(what: '-u' | '-g' | '-gn', user: string): string {
  return execFileSync('id', [what, user], { encoding: 'utf8' }).trim();
}

/** Debian keeps it in /usr/sbin, which is not in every user's PATH. */
function dovecotPath(): string {
  for (const path of ['dovecot', '/usr/sbin/dovecot', '/usr/local/sbin/dovecot']) {
    try {
      execFileSync(path, ['--version'], { stdio: 'ignore' });
      return path;
    } catch {
      // Not there; the next one may be.
    }
  }
  return '';
}

function dovecotVersion(): string | undefined {
  const path = dovecotPath();
  return path ? execFileSync(path, ['--version'], { encoding: 'utf8' }).trim() : undefined;
}
