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
    ...tour(z),
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

/** A tour in comment nodes: each opens in the info sidebar. */
function tour(z: string): object[] {
  const steps = [
    [
      '1. Each email is sent as a message: see the debug sidebar or the terminal',
      'Five emails wait in the mailbox, and a new one comes every 20 seconds. Open a message in the debug sidebar: `payload` is the text, `mail` the header, `pop3` what the mailbox says about it.',
    ],
    [
      '2. The sign-in: double-click "Mailbox", then the pencil next to the account',
      'The account signed in with OAuth 2.0. *Sign out*, and the status of the mailbox asks for a sign-in. *Sign in again* resumes it, without a deploy. Any password is accepted.',
    ],
    [
      '3. Test and preview: in the dialog of "Mailbox"',
      'The test walks through connection, login and listing, and names the step that fails. Enter a wrong port and test again.',
    ],
    [
      '4. No duplicates: deploy again, or restart the flows',
      'The node records what it delivered. After a crash an email may be delivered twice; then `msg.pop3.redelivered` is true.',
    ],
  ];
  return steps.map(([name, info], index) => ({
    id: `demo-tour-${index + 1}`,
    type: 'comment',
    z,
    name,
    info,
    x: 330,
    y: index === 0 ? 80 : 220 + index * 40,
    wires: [],
  }));
}
