// The peers that are programs of their own: how each is told to fetch everything, leave it there, and throw it away.
import { spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { imapMissing } from '../servers/dovecot';
import type { Mailbox } from './in-node-red';
import { type Cost, look } from './measure';
import { versionOf } from './peers';

export const PROGRAMS = ['mpop', 'curl', 'fetchmail', 'fdm', 'mbsync', 'poplib + email'] as const;
export type Program = (typeof PROGRAMS)[number];

/** `folder`: one of the run's own. */
export async function fetchByProgram(
  program: Program,
  mailbox: Mailbox,
  count: number,
  folder: string,
): Promise<Cost> {
  const [command, ...args] = await COMMANDS[program](mailbox, count, folder);
  const start = performance.now();
  const child = spawn(command as string, args, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: folder, FETCHMAILHOME: folder },
  });
  let said = '';
  child.stderr.on('data', (bytes) => {
    said += bytes;
  });
  const cost = { cpu: 0, peak: 0 };
  const looking = setInterval(() => Object.assign(cost, child.pid && look(child.pid)), 10);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(looking);
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${said.slice(0, 500)}`);
  return { wall: performance.now() - start, ...cost };
}

/** Why a program does not take part; undefined where it does. */
export function absence(program: Program): string | undefined {
  const command = program === 'poplib + email' ? 'python3' : program;
  if (versionOf(command) === undefined) return `${command} is not installed`;
  return program === 'mbsync' ? imapMissing() : undefined;
}

/** Each mail is parsed, and every part of it decoded. */
const PYTHON = `
import email, email.policy, poplib, sys
poplib._MAXLINE = 1 << 20
port, user, password, count = sys.argv[1:]
box = poplib.POP3('127.0.0.1', int(port))
box.user(user)
box.pass_(password)
for number in range(1, int(count) + 1):
    lines = box.retr(number)[1]
    mail = email.message_from_bytes(b'\\r\\n'.join(lines), policy=email.policy.default)
    for part in mail.walk():
        if not part.is_multipart():
            part.get_content()
box.quit()
`;

type Prepare = (mailbox: Mailbox, count: number, folder: string) => Promise<string[]>;

const COMMANDS: Record<Program, Prepare> = {
  curl: async ({ port, user, password }, count) => {
    const url = `pop3://127.0.0.1:${port}/[1-${count}]`;
    return ['curl', '-sS', '--fail', '-u', `${user}:${password}`, '-o', '/dev/null', url];
  },
  mpop: async ({ port, user, password }, _, folder) => {
    const lines = [
      'account bench',
      'host 127.0.0.1',
      `port ${port}`,
      `user ${user}`,
      `password ${password}`,
      'auth user',
      'tls off',
      'keep on',
      'only_new off',
      'received_header off',
      `uidls_file ${join(folder, 'uidls')}`,
      'delivery mbox /dev/null',
    ];
    await rm(join(folder, 'uidls'), { force: true });
    return ['mpop', `--file=${await written(folder, 'mpoprc', lines)}`, '--quiet', 'bench'];
  },
  fetchmail: async ({ port, user, password }, _, folder) => {
    const lines = [
      `poll 127.0.0.1 port ${port} protocol POP3 auth password user "${user}" password "${password}"`,
      '  keep fetchall bsmtp "/dev/null" sslproto "" no rewrite',
    ];
    return ['fetchmail', '--silent', '--nodetach', '-f', await written(folder, 'fetchmailrc', lines)];
  },
  fdm: async ({ port, user, password }, _, folder) => {
    const lines = [
      'set lock-types none',
      `set default-user "${userInfo().username}"`,
      'set maximum-size 1G',
      `account "bench" pop3 server "127.0.0.1" port ${port} user "${user}" pass "${password}" keep`,
      'action "drop" drop',
      'match all action "drop"',
    ];
    return ['fdm', '-f', await written(folder, 'fdm.conf', lines), 'fetch'];
  },
  'poplib + email': async ({ port, user, password }, count, folder) => [
    'python3',
    await written(folder, 'fetch.py', [PYTHON]),
    ...[`${port}`, user, password, `${count}`],
  ],
  // By IMAP, into a Maildir: it has no way to throw a mail away.
  mbsync: async ({ imapPort, user, password }, _, folder) => {
    const near = join(folder, 'mbsync');
    await rm(near, { recursive: true, force: true });
    await mkdir(near);
    const lines = [
      'FSync no',
      '',
      'IMAPAccount bench',
      'Host 127.0.0.1',
      `Port ${imapPort}`,
      `User ${user}`,
      `Pass ${password}`,
      'SSLType None',
      '',
      'IMAPStore far',
      'Account bench',
      '',
      'MaildirStore near',
      `Path ${near}/`,
      `Inbox ${join(near, 'inbox')}`,
      '',
      'Channel bench',
      'Far :far:',
      'Near :near:',
      'Patterns INBOX',
      'Create Near',
      'Expunge None',
      'Sync Pull',
      'SyncState *',
    ];
    return ['mbsync', '-q', '-c', await written(folder, 'mbsyncrc', lines), 'bench'];
  },
};

async function written(folder: string, name: string, lines: string[]): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  return file;
}
