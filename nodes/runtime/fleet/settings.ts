import { hostname } from 'node:os';
import { MailboxError } from '../../mailbox';
import { isText } from './text';

/** How a Node-RED joins a fleet: the `redletter.fleet` of its settings.js, made whole. */
export interface FleetSettings {
  /** The address of a PostgreSQL database, or what `pg` takes in place of one. */
  database: string | Readonly<Record<string, unknown>>;
  /** What this Node-RED is called in the Mail tab. */
  name: string;
  /** `editor`: owns no mailbox; a person edits flows and signs in there. */
  role: 'runtime' | 'editor';
  /** The PostgreSQL schema that holds everything of this fleet. */
  schema: string;
}

/** Names of PostgreSQL have 63 characters at most, and those of the channels begin with the schema's; `pg_` is its own. */
const SCHEMA = /^(?!pg_)[a-z_][a-z0-9_]{0,54}$/;
/** What `pg` connects to: a URL, or a folder with a socket. It would look up anything else as a host. */
const ADDRESS = /^(?:postgres(?:ql)?:|socket:|\/)/i;

/**
 * What switches a fleet on; undefined without one.
 * @param setting `redletter.fleet` of settings.js
 * @param environment REDLETTER_FLEET: the address, where settings.js names none
 * @throws MailboxError CONFIG
 */
export function fleetSettings(setting: unknown, environment: string | undefined): FleetSettings | undefined {
  const chosen = setting === undefined || setting === null || setting === '' ? environment : setting;
  if (chosen === undefined || chosen === '' || chosen === false) return undefined;
  // A name or a role may stand in settings.js where the environment has the address.
  const given: Record<string, unknown> =
    typeof chosen === 'string' ? { database: chosen } : { database: environment, ...(chosen as object) };
  const { database, name, role = 'runtime', schema = 'redletter' } = given;
  const known = typeof database === 'string' ? ADDRESS.test(database) : isObject(database);
  if (!known) throw wrong('database');
  if (name !== undefined && (typeof name !== 'string' || !isName(name))) throw wrong('name');
  if (role !== 'runtime' && role !== 'editor') throw wrong('role');
  if (typeof schema !== 'string' || !SCHEMA.test(schema)) throw wrong('schema');
  return {
    database: database as FleetSettings['database'],
    name: name ?? hostname().slice(0, 64),
    role,
    schema,
  };
}

const wrong = (property: string): MailboxError =>
  new MailboxError('CONFIG', 'fleet-setting-wrong', { facts: { property }, retryable: false });

const isName = (text: string): boolean => text !== '' && text.length <= 64 && isText(text);

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
