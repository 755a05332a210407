/** The flows of the demonstration: as a person would build them in the editor. */
export const users = {
  /** Has mail, and a sign-in that works. */
  first: 'alice@example.test',
  /** Its sign-in has been revoked. */
  revoked: 'bob@example.test',
  /** Its flow acknowledges what it has processed. */
  acknowledged: 'carol@example.test',
};
export type Mailbox = keyof typeof users;

export const accountId = (of: Mailbox): string => `demo-account-${of}`;

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
export type Account = ReturnType<typeof account>;

export function flows(mailPort: number, accounts: Record<Mailbox, Account>): object[] {
  return [
    ...(Object.keys(users) as Mailbox[]).map((of) => ({
      id: accountId(of),
      type: 'oauth2-account',
      name: users[of],
      ...accounts[of].properties,
      credentials: accounts[of].credentials,
    })),
    ...firstEmail(mailPort),
    ...signInAgain(mailPort),
    ...acknowledged(mailPort),
  ];
}

type Place = { id: string; z: string; x: number; y: number };

function mailIn(place: Place, of: Mailbox, mailPort: number, wires: string[], more: object = {}): object {
  return {
    ...place,
    type: 'pop3 in',
    name: 'Mailbox',
    service: 'custom',
    host: '127.0.0.1',
    port: mailPort,
    // On loopback a token may be sent without TLS.
    security: 'none',
    tls: '',
    auth: 'oauth2',
    account: accountId(of),
    mechanism: 'auto',
    allowPlaintext: false,
    interval: 1,
    inputs: 0,
    outputs: 1,
    first: 'all',
    after: 'keep',
    summary: false,
    wires: [wires],
    ...more,
  };
}

function debug(place: Place, name: string, property = ''): object {
  return {
    ...place,
    type: 'debug',
    name,
    active: true,
    tosidebar: true,
    console: false,
    tostatus: false,
    complete: property || 'true',
    targetType: property ? 'msg' : 'full',
    wires: [],
  };
}

function code(place: Place, name: string, func: string, wires: string[][] = []): object {
  return { ...place, type: 'function', name, func, outputs: wires.length, wires };
}

/** A comment opens in the info sidebar. */
function comment(place: Place, name: string, info: string): object {
  return { ...place, type: 'comment', name, info, wires: [] };
}

/** An inject node with a button, and the function that does what its name says. */
function button({ id, z, x, y }: Place, name: string, func: string): object[] {
  const inject = { id, z, x, y, type: 'inject', name, props: [], repeat: '', crontab: '', once: false };
  return [{ ...inject, wires: [[`${id}-do`]] }, code({ id: `${id}-do`, z, x: x + 210, y }, 'run', func)];
}

const demo = "global.get('demo')";

function firstEmail(mailPort: number): object[] {
  const z = 'demo';
  return [
    { id: z, type: 'tab', label: 'First email' },
    ...tour(z, [
      [
        '1. Each email is sent as a message: see the debug sidebar or the terminal',
        'Five emails wait in the mailbox, and a new one comes every 20 seconds and whenever you open this page. Open a message in the debug sidebar: `payload` is the text, `mail` the header, `pop3` the origin and the delivery.',
      ],
    ]),
    mailIn({ id: 'demo-in', z, x: 150, y: 160 }, 'first', mailPort, ['demo-debug', 'demo-terminal']),
    debug({ id: 'demo-debug', z, x: 400, y: 140 }, 'Complete message'),
    code(
      { id: 'demo-terminal', z, x: 410, y: 200 },
      'Print in terminal',
      "global.get('terminal').print('✉ ' + msg.topic + ' — ' + msg.from);",
    ),
    comment(
      { id: 'demo-try', z, x: 330, y: 260 },
      '2. Press the buttons: what fails is shown, and the node recovers',
      'Watch the status under **Mailbox**.\n\n- **Stop mail server**: the status names the problem, and a *Catch* node would receive one error. The node retries.\n- **Start mail server**: the next check delivers what has arrived.\n- **Revoke sign-in**: the provider revokes the tokens. The status is *sign in again*: double-click **Mailbox**, click the pencil next to the account, then *Sign in again*. Any password is accepted. No deploy is needed.\n- **Fill mailbox**: 20 emails at once.',
    ),
    ...button({ id: 'demo-stop', z, x: 150, y: 310 }, 'Stop mail server', `${demo}.stopMailServer();`),
    ...button({ id: 'demo-start', z, x: 150, y: 350 }, 'Start mail server', `${demo}.startMailServer();`),
    ...button(
      { id: 'demo-revoke', z, x: 150, y: 390 },
      'Revoke sign-in',
      `${demo}.revokeSignIn('${users.first}');`,
    ),
    ...button(
      { id: 'demo-fill', z, x: 150, y: 430 },
      'Fill mailbox',
      `${demo}.addMail('${users.first}', 20);`,
    ),
    comment(
      { id: 'demo-test', z, x: 330, y: 490 },
      '3. Test and preview: in the dialog of "Mailbox"',
      'The test checks each step from the connection to the list of emails, and names the one that fails. Enter a wrong port and test again.',
    ),
    comment(
      { id: 'demo-again', z, x: 330, y: 530 },
      '4. No duplicates: deploy again, or restart the flows',
      'The node records what it delivered. After a crash an email may be delivered twice; then `msg.pop3.redelivered` is true.',
    ),
  ];
}

function signInAgain(mailPort: number): object[] {
  const z = 'demo-sign-in';
  return [
    { id: z, type: 'tab', label: 'Sign in again' },
    ...tour(z, [
      [
        'The provider revoked this sign-in: sign in again',
        `The status under **Mailbox** is *sign in again*, and the *Catch* node has received one error that says what to do.\n\nDouble-click **Mailbox**, click the pencil next to the account, then *Sign in again*. User ${users.revoked}, any password. The five emails that wait arrive at once, without a deploy.`,
      ],
    ]),
    mailIn({ id: 'demo-revoked-in', z, x: 150, y: 160 }, 'revoked', mailPort, ['demo-revoked-debug']),
    debug({ id: 'demo-revoked-debug', z, x: 400, y: 160 }, 'Subject', 'topic'),
    {
      id: 'demo-revoked-catch',
      type: 'catch',
      z,
      name: '',
      scope: ['demo-revoked-in'],
      uncaught: false,
      x: 150,
      y: 220,
      wires: [['demo-revoked-error']],
    },
    debug({ id: 'demo-revoked-error', z, x: 400, y: 220 }, 'Error', 'error'),
  ];
}

function acknowledged(mailPort: number): object[] {
  const z = 'demo-ack';
  const scoped = { name: '', scope: ['demo-book'], uncaught: false };
  const answer = (outcome: string) => ({ type: 'pop3 ack', z, name: '', outcome, wires: [[]] });
  return [
    { id: z, type: 'tab', label: 'Acknowledged' },
    ...tour(z, [
      [
        'An email is processed when the last step is complete: the invoice fails and is quarantined',
        'The function accepts every email but invoices. **Complete** acknowledges an email, **Catch** reports that it failed. After one attempt (*Maximum attempts* is 1 here) the invoice is quarantined: it stays on the server, and the other emails are delivered.\n\nPress **Repair flow**. Then open the *Mail* tab of the sidebar and click *Retry* next to the quarantined invoice: it is delivered again and acknowledged.',
      ],
    ]),
    mailIn({ id: 'demo-ack-in', z, x: 150, y: 160 }, 'acknowledged', mailPort, ['demo-book'], {
      handled: 'ack',
      ackTimeout: 600,
      maxAttempts: 1,
      maxInFlight: 10,
    }),
    code(
      { id: 'demo-book', z, x: 400, y: 160 },
      'Book',
      "if (/invoice/i.test(msg.topic) && !flow.get('repaired')) throw new Error('Cannot book: ' + msg.topic);\nreturn msg;",
      [['demo-booked']],
    ),
    debug({ id: 'demo-booked', z, x: 620, y: 160 }, 'Booked', 'topic'),
    { id: 'demo-complete', type: 'complete', z, ...scoped, x: 150, y: 220, wires: [['demo-done']] },
    { id: 'demo-done', ...answer('done'), x: 400, y: 220 },
    { id: 'demo-catch', type: 'catch', z, ...scoped, x: 150, y: 280, wires: [['demo-failed']] },
    { id: 'demo-failed', ...answer('failed'), x: 400, y: 280 },
    ...button({ id: 'demo-repair', z, x: 150, y: 340 }, 'Repair flow', "flow.set('repaired', true);"),
  ];
}

/** What to try, above the flow. */
function tour(z: string, steps: [name: string, info: string][]): object[] {
  return steps.map(([name, info], index) =>
    comment({ id: `${z}-tour-${index + 1}`, z, x: 360, y: 80 + index * 40 }, name, info),
  );
}
