/** The account a node names, as it stands in this editor. */
interface Account {
  type: string;
  credentials?: Record<string, unknown>;
  _def: { defaults: Record<string, unknown> };
  [property: string]: unknown;
}

const WHO = ['user', 'clientId', 'clientSecret', 'privateKey', 'refreshToken'];

/**
 * What the account's dialog would send, for an account that was opened in this editor: it may not be deployed yet.
 * Undefined where it was not, so that the deployed one counts.
 */
export function accountInEditor(
  id: string,
): { properties: Record<string, unknown>; credentials: Record<string, string> } | undefined {
  const account = RED.nodes.node(id) as unknown as Account | null;
  if (account?.type !== 'oauth2-account' || account.credentials === undefined) return undefined;
  const properties = Object.fromEntries(
    Object.keys(account._def.defaults).map((name) => [name, account[name] ?? '']),
  );
  const credentials: Record<string, string> = {};
  for (const name of WHO) {
    const value = account.credentials[name];
    // Node-RED shows a stored secret as this word.
    if (typeof value === 'string' && value !== '__PWRD__') credentials[name] = value;
  }
  return { properties, credentials };
}
