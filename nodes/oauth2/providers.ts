import type { Grant } from './grant';

/** Where a provider's mail is fetched from. */
export interface PopServer {
  host: string;
  port: number;
  security: 'tls' | 'starttls';
}

/** Where a provider's sign-in takes place; `{tenant}` is replaced by the account's tenant. */
export interface ProviderEndpoints {
  /** What `iss` in an authorization answer has to be (RFC 9207); absent where the provider sends none that is fixed. */
  issuer?: string;
  authorization: string;
  token: string;
  device?: string;
  revocation?: string;
}

/** Peculiarities that change what is sent or checked. */
export interface Quirks {
  /** A refresh has to name the scope again. */
  refreshSendsScope?: true;
  /** The person may untick the permission and sign in all the same, so the answer's scope is compared. */
  scopeMayBeUnticked?: true;
  /** A sign-in dies after a week while the application's consent screen is in testing. */
  testingDiesWeekly?: true;
}

export interface Provider {
  id: string;
  /** The name people know it by. */
  label: string;
  /** What stands behind the @ of its addresses; `hotmail.*` is every country's. Companies' own domains are unknown. */
  domains?: readonly string[];
  /**
   * What works there for POP: OAuth, a password made for this one application, the account's own password, or nothing,
   * in which case the row is there to say so.
   */
  signIn: 'oauth2' | 'app-password' | 'password' | 'none';
  pop?: PopServer;
  /** Absent: no OAuth for mail, or to be given by the user (`custom`). */
  endpoints?: ProviderEndpoints;
  /** Space-separated. */
  scope?: string;
  /** What is granted to an application acting by itself, where that differs. */
  applicationScope?: string;
  grants: readonly Grant[];
  /** What an empty `tenant` means, where there are tenants. */
  tenant?: string;
  /** Whether the application has a secret. */
  clientSecret: 'required' | 'optional' | 'none';
  /** Added to the authorization request. */
  authorizationParameters?: Readonly<Record<string, string>>;
  /** SASL mechanisms to prefer, best first; absent: by CAPA. */
  mechanisms?: readonly string[];
  quirks: Quirks;
  links: {
    /** Where an application is registered, or an app password is made. */
    register?: string;
    /** Where a password for one application is made, beside OAuth. */
    appPassword?: string;
    /** The provider's own page about it. */
    help?: string;
    /** Where POP is switched on. */
    pop?: string;
  };
}

const TLS = { port: 995, security: 'tls' } as const;

/** What rows without OAuth have in common. */
const APP_PASSWORD = { signIn: 'app-password', grants: [], clientSecret: 'none', quirks: {} } as const;

/** One row a provider, in the order in which they are offered. */
const rows: readonly Provider[] = [
  {
    id: 'google',
    label: 'Google (Gmail, Workspace)',
    domains: ['gmail.com', 'googlemail.com'],
    signIn: 'oauth2',
    pop: { host: 'pop.gmail.com', ...TLS },
    endpoints: {
      issuer: 'https://accounts.google.com',
      authorization: 'https://accounts.google.com/o/oauth2/v2/auth',
      token: 'https://oauth2.googleapis.com/token',
      revocation: 'https://oauth2.googleapis.com/revoke',
    },
    scope: 'https://mail.google.com/',
    // Its device flow exists but refuses the scope for mail.
    grants: ['authorization_code', 'service_account', 'refresh_token'],
    clientSecret: 'required',
    // Without these two there is no refresh token, or only at the very first consent.
    authorizationParameters: { access_type: 'offline', prompt: 'consent' },
    mechanisms: ['XOAUTH2', 'OAUTHBEARER'],
    quirks: { scopeMayBeUnticked: true, testingDiesWeekly: true },
    links: {
      register: 'https://console.cloud.google.com/auth/clients',
      appPassword: 'https://myaccount.google.com/apppasswords',
      help: 'https://developers.google.com/identity/protocols/oauth2/native-app',
      pop: 'https://mail.google.com/mail/u/0/#settings/fwdandpop',
    },
  },
  {
    id: 'microsoft',
    label: 'Microsoft 365, Outlook.com',
    domains: [
      'outlook.*',
      'hotmail.*',
      'live.*',
      'msn.com',
      'passport.com',
      'windowslive.com',
      '*.onmicrosoft.com',
    ],
    signIn: 'oauth2',
    pop: { host: 'outlook.office365.com', ...TLS },
    endpoints: {
      authorization: 'https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize',
      token: 'https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token',
      device: 'https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode',
    },
    scope: 'https://outlook.office.com/POP.AccessAsUser.All offline_access',
    applicationScope: 'https://outlook.office365.com/.default',
    grants: ['authorization_code', 'device_code', 'client_credentials', 'refresh_token'],
    tenant: 'common',
    clientSecret: 'optional',
    mechanisms: ['XOAUTH2'],
    quirks: { refreshSendsScope: true },
    links: {
      register: 'https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade',
      help: 'https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth',
      pop: 'https://outlook.live.com/mail/0/options/mail/accounts/popImap',
    },
  },
  {
    id: 'fastmail',
    label: 'Fastmail',
    domains: ['fastmail.*', 'messagingengine.com'],
    signIn: 'oauth2',
    pop: { host: 'pop.fastmail.com', ...TLS },
    endpoints: {
      authorization: 'https://api.fastmail.com/oauth/authorize',
      // The same address gives tokens for a code and for a refresh token.
      token: 'https://api.fastmail.com/oauth/refresh',
    },
    scope: 'https://www.fastmail.com/dev/protocol-pop',
    grants: ['authorization_code', 'refresh_token'],
    clientSecret: 'none',
    quirks: {},
    links: {
      register: 'https://www.fastmail.com/dev/',
      help: 'https://www.fastmail.help/hc/en-us/articles/1500000278342',
    },
  },
  {
    id: 'comcast',
    label: 'Comcast, Xfinity',
    domains: ['comcast.net', 'xfinity.com'],
    signIn: 'oauth2',
    pop: { host: 'pop.comcast.net', ...TLS },
    endpoints: {
      authorization: 'https://oauth.xfinity.com/oauth/authorize',
      token: 'https://oauth.xfinity.com/oauth/token',
    },
    scope: 'https://email.comcast.net/ profile openid',
    grants: ['authorization_code', 'refresh_token'],
    clientSecret: 'optional',
    mechanisms: ['XOAUTH2'],
    quirks: {},
    links: { help: 'https://www.xfinity.com/support/articles/email-client-programs-with-xfinity-email' },
  },
  // Yahoo's and AOL's sign-in knows a scope for mail, but registers no new applications for it.
  {
    id: 'yahoo',
    label: 'Yahoo',
    domains: ['yahoo.*', 'ymail.com', 'rocketmail.com', 'myyahoo.com'],
    pop: { host: 'pop.mail.yahoo.com', ...TLS },
    ...APP_PASSWORD,
    links: {
      register: 'https://login.yahoo.com/account/security',
      help: 'https://help.yahoo.com/kb/SLN15241.html',
    },
  },
  {
    id: 'aol',
    label: 'AOL',
    domains: ['aol.*', 'aim.com', 'verizon.net', 'netscape.net'],
    pop: { host: 'pop.aol.com', ...TLS },
    ...APP_PASSWORD,
    links: {
      register: 'https://login.aol.com/account/security',
      help: 'https://help.aol.com/articles/Create-and-manage-app-password',
    },
  },
  {
    id: 'att',
    label: 'AT&T',
    domains: ['att.net', 'sbcglobal.net', 'bellsouth.net', 'pacbell.net', 'ameritech.net', 'swbell.net'],
    pop: { host: 'inbound.att.net', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://www.att.com/support/article/email-support/KM1010523/' },
  },
  {
    id: 'yandex',
    label: 'Yandex',
    domains: ['yandex.*', 'ya.ru', 'narod.ru'],
    pop: { host: 'pop.yandex.com', ...TLS },
    ...APP_PASSWORD,
    links: {
      register: 'https://id.yandex.com/security/app-passwords',
      help: 'https://yandex.com/support/mail/mail-clients/others.html',
      pop: 'https://mail.yandex.com/#setup/client',
    },
  },
  {
    id: 'mailru',
    label: 'Mail.ru',
    domains: ['mail.ru', 'inbox.ru', 'list.ru', 'bk.ru', 'internet.ru', 'xmail.ru'],
    pop: { host: 'pop.mail.ru', ...TLS },
    ...APP_PASSWORD,
    links: {
      register: 'https://account.mail.ru/user/2-step-auth/passwords',
      help: 'https://help.mail.ru/mail/mailer/popsmtp',
    },
  },
  {
    id: 'zoho',
    label: 'Zoho Mail',
    domains: ['zoho.*', 'zohomail.*'],
    pop: { host: 'pop.zoho.com', ...TLS },
    ...APP_PASSWORD,
    links: {
      register: 'https://accounts.zoho.com/home#security/app_password',
      help: 'https://www.zoho.com/mail/help/pop-access.html',
    },
  },
  {
    id: 'gmx',
    label: 'GMX',
    domains: ['gmx.*'],
    pop: { host: 'pop.gmx.net', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://hilfe.gmx.net/pop-imap/einschalten.html', pop: 'https://www.gmx.net/' },
  },
  {
    id: 'webde',
    label: 'web.de',
    domains: ['web.de', 'email.de'],
    pop: { host: 'pop3.web.de', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://hilfe.web.de/pop-imap/einschalten.html', pop: 'https://web.de/' },
  },
  {
    id: 'tonline',
    label: 'T-Online',
    domains: ['t-online.de', 'magenta.de'],
    pop: { host: 'securepop.t-online.de', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://www.telekom.de/hilfe/festnetz-internet-tv/e-mail' },
  },
  {
    id: 'ionos',
    label: 'IONOS',
    pop: { host: 'pop.ionos.de', ...TLS },
    ...APP_PASSWORD,
    signIn: 'password',
    links: { help: 'https://www.ionos.de/hilfe/index.php?id=2490' },
  },
  {
    id: 'posteo',
    label: 'Posteo',
    domains: ['posteo.*'],
    pop: { host: 'posteo.de', ...TLS },
    ...APP_PASSWORD,
    signIn: 'password',
    links: {
      help: 'https://posteo.de/hilfe/wie-richte-ich-posteo-in-einem-mailprogramm-ein-pop3-imap-und-smtp',
    },
  },
  {
    id: 'icloud',
    label: 'iCloud',
    domains: ['icloud.com', 'me.com', 'mac.com'],
    ...APP_PASSWORD,
    // Apple's mail servers speak IMAP only.
    signIn: 'none',
    links: { help: 'https://support.apple.com/102525' },
  },
  {
    id: 'custom',
    label: 'OpenID Connect, OAuth 2.0',
    signIn: 'oauth2',
    grants: ['authorization_code', 'device_code', 'client_credentials', 'service_account', 'refresh_token'],
    clientSecret: 'optional',
    // OpenID Connect Core section 11: offline_access wants the consent asked for.
    authorizationParameters: { prompt: 'consent' },
    quirks: {},
    links: {},
  },
];

/** The provider of a mail address, by its domain; undefined: another one. */
export function providerFor(address: string): Provider | undefined {
  const [, domain = ''] = /@([^@\s]+)$/.exec(address.trim().toLowerCase()) ?? [];
  const isIts = (pattern: string): boolean => {
    // Countries have two or three letters, and some write `co.uk` or `com.br`.
    if (pattern.endsWith('.*')) {
      const name = pattern.slice(0, -1);
      return domain.startsWith(name) && /^(com?\.)?[a-z]{2,5}$/.test(domain.slice(name.length));
    }
    return pattern.startsWith('*') ? domain.endsWith(pattern.slice(1)) : domain === pattern;
  };
  return rows.find(({ domains }) => domains?.some(isIts));
}

/** Every provider by its id. */
export const providers: Readonly<Record<string, Provider>> = Object.fromEntries(
  rows.map((row) => [row.id, row]),
);
