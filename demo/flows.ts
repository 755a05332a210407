/** The first flow, and the account it signs in with: as a person would build them in the editor. */
export const accountId = 'demo-account';

/** What the account's dialog holds. */
export function account(issuer: string, clientId: string, scope: string, user: string) {
  return {
    properties: {
      provider: 'custom',
      grant: 'authorization_code',
      tenant: '',
      issuer,
      authorizationUrl: '',
      tokenUrl: '',
      deviceUrl: '',
      revocationUrl: '',
      scope,
      clientAuth: 'body',
      redirectUri: '',
      tls: '',
    },
    credentials: { user, clientId },
  };
}

export function flows(mailPort: number, signIn: ReturnType<typeof account>): object[] {
  const z = 'demo';
  return [
    { id: z, type: 'tab', label: 'First email' },
    {
      id: accountId,
      type: 'oauth2-account',
      name: 'Demonstration',
      ...signIn.properties,
      credentials: signIn.credentials,
    },
    {
      id: 'demo-words',
      type: 'comment',
      z,
      name: 'Each email is sent as a message: see the debug sidebar or the terminal',
      info: '',
      x: 330,
      y: 80,
      wires: [],
    },
    {
      id: 'demo-in',
      type: 'pop3 in',
      z,
      name: 'Mailbox',
      service: 'custom',
      host: '127.0.0.1',
      port: mailPort,
      // On loopback a token may be sent without TLS.
      security: 'none',
      tls: '',
      auth: 'oauth2',
      account: accountId,
      mechanism: 'auto',
      allowPlaintext: false,
      interval: 5,
      inputs: 0,
      outputs: 1,
      first: 'all',
      after: 'keep',
      summary: false,
      x: 150,
      y: 160,
      wires: [['demo-debug', 'demo-terminal']],
    },
    {
      id: 'demo-debug',
      type: 'debug',
      z,
      name: 'Complete message',
      active: true,
      tosidebar: true,
      console: false,
      tostatus: false,
      complete: 'true',
      targetType: 'full',
      x: 400,
      y: 140,
      wires: [],
    },
    {
      id: 'demo-terminal',
      type: 'function',
      z,
      name: 'Print in terminal',
      func: "global.get('terminal').print('✉ ' + msg.topic + ' — ' + msg.from);",
      outputs: 0,
      x: 410,
      y: 200,
      wires: [],
    },
  ];
}
