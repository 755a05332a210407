import { KnownServer } from '../pop3';

/** Servers that are remembered at the same time; a Node-RED with more of them asks some of them more often. */
const MOST_REMEMBERED = 2000;
const remembered = new Map<string, KnownServer>();

/** What earlier sessions have learned of a mailbox's server, however often its nodes are deployed meanwhile. */
export function rememberedServer(host: string, port: number, security: string, user: string): KnownServer {
  const key = JSON.stringify([host.toLowerCase(), port, security, user]);
  const known = remembered.get(key) ?? new KnownServer();
  // A deploy may have brought another password.
  known.bothRefused = false;
  remembered.delete(key);
  remembered.set(key, known);
  const [oldest] = remembered.keys();
  if (remembered.size > MOST_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
  return known;
}
