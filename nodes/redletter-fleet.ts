#!/usr/bin/env node
// The command `redletter-fleet`: ledgers, waiting mail and tokens of a user directory, into a fleet's database and back.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { MailboxError, systemClock } from './mailbox';
import { sentence } from './node-red/messages';
import { englishFrom, isUserDirectory, keptSettings, settingsFile } from './node-red/user-directory';
import { fleetSettings } from './runtime/fleet';
import { exportFiles, FleetRunning, importFiles, type TransferOptions } from './runtime/fleet/transfer';

const USAGE = `Usage: redletter-fleet import|export [options]

import  moves the ledgers, waiting emails and tokens of a user directory into the database of a fleet
export  moves everything from the database into a user directory

Stop every Node-RED of the fleet, and the one of the user directory, before you run it.

Options:
  --user-dir <folder>   user directory of Node-RED (default: the current folder)
  --settings <file>     settings file (default: settings.js in the user directory)
  --database <address>  address of the database (default: redletter.fleet in the settings file, or REDLETTER_FLEET)
  --schema <name>       schema of the fleet (default: redletter)
  --help                show this text
`;

/** What a person has to correct. */
class UsageError extends Error {}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const many = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`;

function optionsOf(values: Record<string, string | boolean | undefined>): TransferOptions {
  const userDir = resolve(String(values['user-dir'] ?? '.'));
  if (!isUserDirectory(userDir))
    throw new UsageError(`${userDir} is not a user directory of Node-RED. Name it with --user-dir.`);
  const file = values.settings === undefined ? join(userDir, 'settings.js') : String(values.settings);
  if (values.settings !== undefined && !existsSync(file)) throw new UsageError(`${file} does not exist.`);
  const { credentialSecret: secret, redletter } = settingsOf(file);
  const own = (redletter as { fleet?: unknown } | undefined)?.fleet;
  const parts = typeof own === 'object' ? own : { database: own };
  const given = {
    database: process.env.REDLETTER_FLEET,
    ...withoutEmpty(parts ?? {}),
    ...withoutEmpty({ database: values.database, schema: values.schema }),
  };
  const fleet = given.database ? fleetSettings(given, undefined) : undefined;
  if (fleet === undefined) throw new UsageError('No database is set. Name it with --database.');
  if (typeof secret !== 'string' || secret === '')
    throw new MailboxError('CONFIG', 'fleet-secret-missing', { retryable: false });
  return {
    fleet,
    secret,
    folder: join(userDir, 'redletter'),
    settings: keptSettings(userDir),
    clock: systemClock,
    onMoved: ({ node, mailbox, mails, waiting }) =>
      say(
        `node ${node}, mailbox ${mailbox}: ${many(mails, 'email', 'emails')} remembered, ${waiting} waiting for acknowledgement`,
      ),
  };
}

/** What settings.js exports, which may have an error of its own. */
function settingsOf(file: string): Record<string, unknown> {
  let settings: unknown;
  try {
    settings = settingsFile(file);
  } catch (error) {
    throw new Error(
      `${file} cannot be read: ${(error as Error)?.message}. Correct it and run the command again.`,
    );
  }
  if (typeof settings === 'object' && settings !== null) return settings as Record<string, unknown>;
  throw new Error(`${file} does not export an object with settings. Correct it and run the command again.`);
}

/** What is false or empty switches no fleet on. */
const withoutEmpty = (given: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value));

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'user-dir': { type: 'string' },
      settings: { type: 'string' },
      database: { type: 'string' },
      schema: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const [command, ...more] = positionals;
  if (values.help) return say(USAGE);
  if ((command !== 'import' && command !== 'export') || more.length > 0)
    throw new UsageError('Say either import or export.');
  const options = optionsOf(values);
  const moved = await (command === 'import' ? importFiles(options) : exportFiles(options));
  const what = [
    many(moved.ledgers, 'ledger', 'ledgers'),
    many(moved.waiting, 'waiting email', 'waiting emails'),
    `the tokens of ${many(moved.accounts, 'account', 'accounts')}`,
  ].join(', ');
  say(`Moved to the ${command === 'import' ? 'database' : 'user directory'}: ${what}.`);
  if (moved.unreadable > 0)
    say(
      `The tokens of ${many(moved.unreadable, 'account', 'accounts')} could not be read and were not moved. Sign in again for these accounts.`,
    );
}

function explain(error: unknown): string {
  if (error instanceof FleetRunning)
    return `${error.message} Stop them, wait 10 seconds, and run the command again.`;
  if (error instanceof MailboxError) {
    const { database, system, property } = error.facts;
    // Its own words speak of a Node-RED that runs.
    if (error.reason === 'database-unavailable')
      return `The database ${database} is not available (${system}). Run the command again when it responds.`;
    if (error.reason === 'fleet-setting-wrong')
      return `The ${property} of the fleet is not valid. Correct redletter.fleet.${property} in the settings file or the options of the command, and run it again.`;
    const locales = [join(__dirname, 'locales'), join(__dirname, '..', 'locales')].find(existsSync);
    if (error.reason === 'folder-in-use')
      return 'A Node-RED uses this user directory. Stop it and run the command again.';
    return sentence(error, englishFrom(locales ?? ''));
  }
  return (error as Error).message;
}

main().catch((error: unknown) => {
  const isUsage =
    error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`redletter-fleet: ${explain(error)}\n${isUsage ? `\n${USAGE}` : ''}`);
  process.exitCode = isUsage ? 2 : 1;
});
