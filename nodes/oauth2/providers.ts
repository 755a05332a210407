// Longer than 300 lines because it is one table: a row for each provider.
import type { Grant } from './grant';

/** Where a provider's mail is fetched from. */
export interface PopServer {
  host: string;
  port: number;
  security: 'tls' | 'starttls';
  /** What stands before the @ is the user name; absent: the whole address. */
  userName?: 'local-part';
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
  /** Its app password is called an authorization code (授权码), and made on the page where POP is switched on. */
  authorizationCode?: true;
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
  /**
   * Names its receiving servers use in Authentication-Results (RFC 8601); `*.` is every one below a domain, `~` one
   * below it that leaves its name out.
   */
  authservIds?: readonly string[];
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
  /**
   * The `prompt` by which a person who is signed in there can choose another account. Absent: `login` (OpenID Connect Core
   * section 3.1.2.1), which a server that does not know it ignores (RFC 6749 section 3.1).
   */
  choosePrompt?: 'select_account';
  /** SASL mechanisms to prefer, best first; absent: by CAPA. */
  mechanisms?: readonly string[];
  quirks: Quirks;
  links: {
    /** Where an application is registered, or an app password is made. */
    register?: string;
    /** Where an organization's administrator admits applications and people. */
    admin?: string;
    /** Where a password for one application is made, beside OAuth. */
    appPassword?: string;
    /** The provider's own page about it. */
    help?: string;
    /** Where POP is switched on. */
    pop?: string;
  };
}

const TLS = { port: 995, security: 'tls' } as const;

const microsoftEndpoints = (authority: string): ProviderEndpoints => ({
  authorization: `${authority}/{tenant}/oauth2/v2.0/authorize`,
  token: `${authority}/{tenant}/oauth2/v2.0/token`,
  device: `${authority}/{tenant}/oauth2/v2.0/devicecode`,
});

/** What Microsoft's clouds have in common. */
const MICROSOFT_CLOUD = {
  grants: ['authorization_code', 'device_code', 'client_credentials', 'refresh_token'],
  // National clouds have no personal accounts.
  tenant: 'organizations',
  clientSecret: 'optional',
  // learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow, November 2026
  choosePrompt: 'select_account',
  mechanisms: ['XOAUTH2'],
  quirks: { refreshSendsScope: true },
} as const;

/** What rows without OAuth have in common. */
const APP_PASSWORD = { signIn: 'app-password', grants: [], clientSecret: 'none', quirks: {} } as const;

const AUTHORIZATION_CODE = { ...APP_PASSWORD, quirks: { authorizationCode: true } } as const;

/**
 * One row a provider, in the order in which they are offered. Hosts, ports and user names: the provider's own page where
 * the comment above the row names one, else Mozilla's autoconfig database (github.com/thunderbird/autoconfig, folder ispdb).
 */
const rows: readonly Provider[] = [
  // Source: developers.google.com/identity/protocols/oauth2/native-app; autoconfig, googlemail.com, November 2026
  {
    id: 'google',
    authservIds: ['mx.google.com'],
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
    // developers.google.com/identity/openid-connect/openid-connect, November 2026
    choosePrompt: 'select_account',
    mechanisms: ['XOAUTH2', 'OAUTHBEARER'],
    quirks: { scopeMayBeUnticked: true, testingDiesWeekly: true },
    links: {
      register: 'https://console.cloud.google.com/auth/clients',
      admin: 'https://admin.google.com/ac/owl',
      appPassword: 'https://myaccount.google.com/apppasswords',
      help: 'https://developers.google.com/identity/protocols/oauth2/native-app',
      pop: 'https://mail.google.com/mail/u/0/#settings/fwdandpop',
    },
  },
  // Source: learn.microsoft.com/exchange/client-developer/legacy-protocols; autoconfig, hotmail.com, November 2026
  {
    id: 'microsoft',
    // Exchange Online writes Authentication-Results without a name, and one into what it forwards.
    authservIds: ['~outlook.com', 'mx.microsoft.com'],
    label: 'Microsoft 365, Outlook.com',
    domains: [
      'outlook.*',
      'hotmail.*',
      'live.*',
      'msn.com',
      'passport.com',
      'windowslive.com',
      'livemail.tw',
      '*.onmicrosoft.com',
    ],
    signIn: 'oauth2',
    pop: { host: 'outlook.office365.com', ...TLS },
    endpoints: microsoftEndpoints('https://login.microsoftonline.com'),
    scope: 'https://outlook.office.com/POP.AccessAsUser.All offline_access',
    applicationScope: 'https://outlook.office365.com/.default',
    ...MICROSOFT_CLOUD,
    tenant: 'common',
    links: {
      register: 'https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade',
      admin: 'https://entra.microsoft.com/',
      help: 'https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth',
      pop: 'https://outlook.live.com/mail/0/options/mail/accounts/popImap',
    },
  },
  // Source: learn.microsoft.com/entra/identity-platform/authentication-national-cloud, US Government L4, November 2026
  {
    id: 'microsoft-us',
    label: 'Microsoft 365 GCC High',
    signIn: 'oauth2',
    pop: { host: 'outlook.office365.us', ...TLS },
    endpoints: microsoftEndpoints('https://login.microsoftonline.us'),
    scope: 'https://outlook.office365.us/POP.AccessAsUser.All offline_access',
    applicationScope: 'https://outlook.office365.us/.default',
    ...MICROSOFT_CLOUD,
    links: { register: 'https://entra.microsoft.us/', admin: 'https://entra.microsoft.us/' },
  },
  // Source: learn.microsoft.com/entra/identity-platform/authentication-national-cloud, US Government L5, November 2026
  {
    id: 'microsoft-dod',
    label: 'Microsoft 365 DoD',
    signIn: 'oauth2',
    pop: { host: 'outlook-dod.office365.us', ...TLS },
    endpoints: microsoftEndpoints('https://login.microsoftonline.us'),
    scope: 'https://outlook-dod.office365.us/POP.AccessAsUser.All offline_access',
    applicationScope: 'https://outlook-dod.office365.us/.default',
    ...MICROSOFT_CLOUD,
    links: { register: 'https://entra.microsoft.us/', admin: 'https://entra.microsoft.us/' },
  },
  // Source: learn.microsoft.com/entra/identity-platform/authentication-national-cloud, China, November 2026
  {
    id: 'microsoft-cn',
    label: 'Microsoft 365 (21Vianet)',
    signIn: 'oauth2',
    pop: { host: 'partner.outlook.cn', ...TLS },
    endpoints: microsoftEndpoints('https://login.partner.microsoftonline.cn'),
    scope: 'https://partner.outlook.cn/POP.AccessAsUser.All offline_access',
    applicationScope: 'https://partner.outlook.cn/.default',
    ...MICROSOFT_CLOUD,
    links: { register: 'https://entra.microsoftonline.cn/', admin: 'https://entra.microsoftonline.cn/' },
  },
  // Source: www.fastmail.com/dev; autoconfig, messagingengine.com, November 2026
  {
    id: 'fastmail',
    authservIds: ['*.messagingengine.com'],
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
  // Source: Thunderbird, OAuth2Providers.sys.mjs (pop.comcast.net); autoconfig, comcast.net, has mail.comcast.net, November 2026
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
  // Yahoo! JAPAN is another company: no app passwords, the ID without its domain.
  // Source: support.yahoo-net.jp (mail, POP), November 2026
  {
    id: 'yahoojp',
    label: 'Yahoo! JAPAN',
    domains: ['yahoo.co.jp', 'ymail.ne.jp'],
    pop: { host: 'pop.mail.yahoo.co.jp', ...TLS, userName: 'local-part' },
    ...APP_PASSWORD,
    signIn: 'password',
    links: { help: 'https://support.yahoo-net.jp/PccMail/s/article/H000007321' },
  },
  // Yahoo's and AOL's sign-in knows a scope for mail, but registers no new applications for it.
  // Source: autoconfig, yahoo.com, with Cox, whose mail moved there, November 2026
  {
    id: 'yahoo',
    authservIds: ['*.omega.yahoo.com'],
    label: 'Yahoo',
    domains: ['yahoo.*', 'ymail.com', 'rocketmail.com', 'myyahoo.com', 'cox.net'],
    pop: { host: 'pop.mail.yahoo.com', ...TLS },
    ...APP_PASSWORD,
    links: {
      register: 'https://login.yahoo.com/account/security',
      help: 'https://help.yahoo.com/kb/SLN15241.html',
    },
  },
  // Source: autoconfig, aol.com, November 2026
  {
    id: 'aol',
    authservIds: ['*.omega.yahoo.com'],
    label: 'AOL',
    domains: [
      'aol.*',
      'aim.com',
      'verizon.net',
      'netscape.net',
      'netscape.com',
      'compuserve.com',
      'cs.com',
      'wmconnect.com',
    ],
    pop: { host: 'pop.aol.com', ...TLS },
    ...APP_PASSWORD,
    links: {
      register: 'https://login.aol.com/account/security',
      help: 'https://help.aol.com/articles/Create-and-manage-app-password',
    },
  },
  // Source: autoconfig, att.net, November 2026
  {
    id: 'att',
    label: 'AT&T',
    domains: [
      'att.net',
      'sbcglobal.net',
      'bellsouth.net',
      'pacbell.net',
      'ameritech.net',
      'swbell.net',
      'currently.com',
      'prodigy.net',
      'flash.net',
      'nvbell.net',
      'snet.net',
      'wans.net',
    ],
    pop: { host: 'inbound.att.net', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://www.att.com/support/article/email-support/KM1010523/' },
  },
  // Source: autoconfig, yandex.ru, November 2026
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
  // Source: autoconfig, mail.ru, November 2026
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
  // Source: autoconfig, zoho.com, November 2026
  {
    id: 'zoho',
    authservIds: ['mx.zohomail.com'],
    label: 'Zoho Mail',
    domains: ['zoho.com', 'zohomail.com'],
    pop: { host: 'pop.zoho.com', ...TLS },
    ...APP_PASSWORD,
    links: {
      register: 'https://accounts.zoho.com/home#security/app_password',
      help: 'https://www.zoho.com/mail/help/pop-access.html',
    },
  },
  // Source: www.zoho.com/mail/help/pop-access.html: each data center has a host of its own, November 2026
  {
    id: 'zoho-eu',
    label: 'Zoho Mail (eu)',
    domains: ['zoho.eu', 'zohomail.eu'],
    pop: { host: 'pop.zoho.eu', ...TLS },
    ...APP_PASSWORD,
    links: {
      register: 'https://accounts.zoho.eu/home#security/app_password',
      help: 'https://www.zoho.com/mail/help/pop-access.html',
    },
  },
  // Source: www.zoho.com/mail/help/pop-access.html: each data center has a host of its own, November 2026
  {
    id: 'zoho-in',
    label: 'Zoho Mail (in)',
    domains: ['zoho.in', 'zohomail.in'],
    pop: { host: 'pop.zoho.in', ...TLS },
    ...APP_PASSWORD,
    links: {
      register: 'https://accounts.zoho.in/home#security/app_password',
      help: 'https://www.zoho.com/mail/help/pop-access.html',
    },
  },
  // Source: www.zoho.com/mail/help/pop-access.html: each data center has a host of its own, November 2026
  {
    id: 'zoho-au',
    label: 'Zoho Mail (com.au)',
    domains: ['zoho.com.au', 'zohomail.com.au'],
    pop: { host: 'pop.zoho.com.au', ...TLS },
    ...APP_PASSWORD,
    links: {
      register: 'https://accounts.zoho.com.au/home#security/app_password',
      help: 'https://www.zoho.com/mail/help/pop-access.html',
    },
  },
  // Source: www.zoho.com/mail/help/pop-access.html: each data center has a host of its own, November 2026
  {
    id: 'zoho-jp',
    label: 'Zoho Mail (jp)',
    domains: ['zoho.jp', 'zohomail.jp'],
    pop: { host: 'pop.zoho.jp', ...TLS },
    ...APP_PASSWORD,
    links: {
      register: 'https://accounts.zoho.jp/home#security/app_password',
      help: 'https://www.zoho.com/mail/help/pop-access.html',
    },
  },
  // Source: www.zoho.com/mail/help/pop-access.html: each data center has a host of its own, November 2026
  {
    id: 'zoho-cn',
    label: 'Zoho Mail (com.cn)',
    domains: ['zoho.com.cn', 'zohomail.com.cn'],
    pop: { host: 'pop.zoho.com.cn', ...TLS },
    ...APP_PASSWORD,
    links: {
      register: 'https://accounts.zoho.com.cn/home#security/app_password',
      help: 'https://www.zoho.com/mail/help/pop-access.html',
    },
  },
  // Source: autoconfig, gmx.net, November 2026
  {
    id: 'gmx',
    authservIds: ['gmx.net'],
    label: 'GMX',
    domains: [
      'gmx.net',
      'gmx.de',
      'gmx.at',
      'gmx.ch',
      'gmx.eu',
      'gmx.biz',
      'gmx.org',
      'gmx.info',
      'mein.gmx',
      'mail.gmx',
      'email.gmx',
    ],
    pop: { host: 'pop.gmx.net', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://hilfe.gmx.net/pop-imap/einschalten.html', pop: 'https://www.gmx.net/' },
  },
  // The same company with other servers.
  // Source: autoconfig, gmx.com, November 2026
  {
    id: 'gmxcom',
    label: 'GMX (international)',
    domains: ['gmx.*'],
    pop: { host: 'pop.gmx.com', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://support.gmx.com/pop-imap/pop3/index.html' },
  },
  // Source: autoconfig, web.de; Delta Chat's provider-db has the same user name, November 2026
  {
    id: 'webde',
    authservIds: ['web.de'],
    label: 'web.de',
    domains: ['web.de', 'email.de'],
    pop: { host: 'pop3.web.de', ...TLS, userName: 'local-part' },
    ...APP_PASSWORD,
    links: { help: 'https://hilfe.web.de/pop-imap/einschalten.html', pop: 'https://web.de/' },
  },
  // Source: autoconfig, t-online.de, November 2026
  {
    id: 'tonline',
    label: 'T-Online',
    domains: ['t-online.de', 'magenta.de'],
    pop: { host: 'securepop.t-online.de', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://www.telekom.de/hilfe/festnetz-internet-tv/e-mail' },
  },
  // Source: autoconfig, ionos.de, November 2026
  {
    id: 'ionos',
    label: 'IONOS',
    pop: { host: 'pop.ionos.de', ...TLS },
    ...APP_PASSWORD,
    signIn: 'password',
    links: { help: 'https://www.ionos.de/hilfe/index.php?id=2490' },
  },
  // Source: autoconfig, posteo.de, November 2026
  {
    id: 'posteo',
    authservIds: ['posteo.de'],
    label: 'Posteo',
    domains: ['posteo.*'],
    pop: { host: 'posteo.de', ...TLS },
    ...APP_PASSWORD,
    signIn: 'password',
    links: {
      help: 'https://posteo.de/hilfe/wie-richte-ich-posteo-in-einem-mailprogramm-ein-pop3-imap-und-smtp',
    },
  },
  // The password is an authorization code.
  // Source: none of its own could be read; the host by other programs' tables (995, TLS), November 2026
  {
    id: 'qq',
    authservIds: ['mx.qq.com'],
    label: 'QQ Mail, Foxmail',
    domains: ['qq.com', 'vip.qq.com', 'foxmail.com'],
    pop: { host: 'pop.qq.com', ...TLS },
    ...AUTHORIZATION_CODE,
    links: { help: 'https://service.mail.qq.com/detail/0/75' },
  },
  // The password is an authorization code.
  // Source: none of its own could be read; the host by other programs' tables (995, TLS), November 2026
  {
    id: 'netease-163',
    label: 'NetEase 163',
    domains: ['163.com'],
    pop: { host: 'pop.163.com', ...TLS },
    ...AUTHORIZATION_CODE,
    links: { help: 'https://help.mail.163.com/faq.do?m=list&categoryID=90' },
  },
  // The password is an authorization code.
  // Source: none of its own could be read; the host by other programs' tables (995, TLS), November 2026
  {
    id: 'netease-126',
    label: 'NetEase 126',
    domains: ['126.com'],
    pop: { host: 'pop.126.com', ...TLS },
    ...AUTHORIZATION_CODE,
    links: { help: 'https://help.mail.163.com/faq.do?m=list&categoryID=90' },
  },
  // The password is an authorization code.
  // Source: none of its own could be read; the host by other programs' tables (995, TLS), November 2026
  {
    id: 'netease-yeah',
    label: 'NetEase yeah.net',
    domains: ['yeah.net'],
    pop: { host: 'pop.yeah.net', ...TLS },
    ...AUTHORIZATION_CODE,
    links: { help: 'https://help.mail.163.com/faq.do?m=list&categoryID=90' },
  },
  // Source: Alibaba Cloud, site monitoring (pop3s://pop3.aliyun.com), November 2026
  {
    id: 'aliyun',
    label: 'Aliyun Mail',
    domains: ['aliyun.com'],
    pop: { host: 'pop3.aliyun.com', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://help.aliyun.com/document_detail/465307.html' },
  },
  // The password is an authorization code.
  // Source: none of its own could be read; the host by other programs' tables (995, TLS), November 2026
  {
    id: 'sina',
    label: 'Sina Mail',
    domains: ['sina.com'],
    pop: { host: 'pop.sina.com', ...TLS },
    ...AUTHORIZATION_CODE,
    links: { help: 'https://help.sina.com.cn/' },
  },
  // Source: autoconfig, naver.com, November 2026
  {
    id: 'naver',
    label: 'Naver',
    domains: ['naver.com'],
    pop: { host: 'pop.naver.com', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://help.naver.com/service/30029/contents/21342' },
  },
  // Source: Tizen, email-service (pop.daum.net, 995, TLS); autoconfig, daum.net, has IMAP only, November 2026
  {
    id: 'daum',
    label: 'Daum, Hanmail',
    domains: ['daum.net', 'hanmail.net'],
    pop: { host: 'pop.daum.net', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://cs.daum.net/faq/43/9234.html' },
  },
  // Source: a copy of autoconfig, seznam.cz, not verified in the database itself, November 2026
  {
    id: 'seznam',
    label: 'Seznam',
    domains: ['seznam.cz', 'email.cz', 'post.cz', 'spoluzaci.cz'],
    pop: { host: 'pop3.seznam.cz', ...TLS },
    ...APP_PASSWORD,
    signIn: 'password',
    links: { help: 'https://napoveda.seznam.cz/cz/email/pop3-imap-smtp/' },
  },
  // Source: autoconfig, wp.pl, November 2026
  {
    id: 'wp',
    label: 'WP Poczta',
    domains: ['wp.pl'],
    pop: { host: 'pop3.wp.pl', ...TLS, userName: 'local-part' },
    ...APP_PASSWORD,
    signIn: 'password',
    links: { help: 'https://pomoc.wp.pl/programy-pocztowe' },
  },
  // Source: autoconfig, o2.pl, November 2026
  {
    id: 'o2pl',
    label: 'o2 Poczta',
    domains: ['o2.pl', 'go2.pl', 'tlen.pl', 'prokonto.pl'],
    pop: { host: 'poczta.o2.pl', ...TLS, userName: 'local-part' },
    ...APP_PASSWORD,
    signIn: 'password',
    links: { help: 'https://pomoc.o2.pl/jak-skonfigurowac-program-pocztowy' },
  },
  // Source: none of its own could be read; the host by another program (995, TLS), November 2026
  {
    id: 'interia',
    label: 'Interia',
    domains: ['interia.pl', 'interia.eu', 'interia.com', 'poczta.fm', 'intmail.pl', 'vip.interia.pl'],
    pop: { host: 'poczta.interia.pl', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://pomoc.interia.pl/poczta' },
  },
  // Source: autoconfig, libero.it, November 2026
  {
    id: 'libero',
    label: 'Libero',
    domains: ['libero.it', 'inwind.it', 'iol.it', 'blu.it', 'giallo.it'],
    pop: { host: 'popmail.libero.it', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://aiuto.libero.it/articolo/mail/parametri-di-configurazione/' },
  },
  // Source: autoconfig, orange.fr, November 2026
  {
    id: 'orange',
    label: 'Orange',
    domains: ['orange.fr', 'wanadoo.fr'],
    pop: { host: 'pop.orange.fr', ...TLS },
    ...APP_PASSWORD,
    signIn: 'password',
    links: {
      help: 'https://assistance.orange.fr/ordinateurs-peripheriques/installer-et-utiliser/l-utilisation-du-mail-et-du-cloud/mail-orange',
    },
  },
  // Source: autoconfig, free.fr, November 2026
  {
    id: 'free',
    label: 'Free',
    domains: ['free.fr'],
    pop: { host: 'pop.free.fr', ...TLS, userName: 'local-part' },
    ...APP_PASSWORD,
    signIn: 'password',
    links: { help: 'https://assistance.free.fr/articles/631' },
  },
  // Source: a copy of autoconfig, sfr.fr, not verified in the database itself, November 2026
  {
    id: 'sfr',
    label: 'SFR',
    domains: ['sfr.fr', 'neuf.fr', 'cegetel.net', 'club-internet.fr', 'numericable.fr'],
    pop: { host: 'pop.sfr.fr', ...TLS },
    ...APP_PASSWORD,
    signIn: 'password',
    links: {
      help: 'https://assistance.sfr.fr/sfrmail-appli/sfrmail/parametres-serveurs-smtp-pop-imap-sfr.html',
    },
  },
  // Source: a copy of autoconfig, laposte.net, not verified in the database itself, November 2026
  {
    id: 'laposte',
    label: 'La Poste',
    domains: ['laposte.net'],
    pop: { host: 'pop.laposte.net', ...TLS, userName: 'local-part' },
    ...APP_PASSWORD,
    signIn: 'password',
    links: { help: 'https://aide.laposte.net/' },
  },
  // Source: none of its own could be read; the host by another program (995, TLS), November 2026
  {
    id: 'telenet',
    label: 'Telenet',
    domains: ['telenet.be'],
    pop: { host: 'pop.telenet.be', ...TLS },
    ...APP_PASSWORD,
    signIn: 'password',
    links: { help: 'https://www2.telenet.be/business/nl/klantenservice/' },
  },
  // Source: a copy of autoconfig, bluewin.ch, not verified in the database itself, November 2026
  {
    id: 'bluewin',
    label: 'Swisscom Bluewin',
    domains: ['bluewin.ch', 'bluemail.ch'],
    pop: { host: 'pop3s.bluewin.ch', ...TLS },
    ...APP_PASSWORD,
    links: { help: 'https://www.swisscom.ch/en/residential/help/device/email.html' },
  },
  // Source: autoconfig, rambler.ru, November 2026
  {
    id: 'rambler',
    label: 'Rambler',
    domains: ['rambler.ru', 'lenta.ru', 'autorambler.ru', 'myrambler.ru', 'ro.ru'],
    pop: { host: 'pop.rambler.ru', ...TLS },
    ...APP_PASSWORD,
    signIn: 'password',
    links: { help: 'https://help.rambler.ru/mail/mail-pochtovye-klienty/' },
  },
  // Source: autoconfig, uol.com.br, November 2026
  {
    id: 'uol',
    label: 'UOL',
    domains: ['uol.com.br'],
    pop: { host: 'pop3.uol.com.br', ...TLS, userName: 'local-part' },
    ...APP_PASSWORD,
    signIn: 'password',
    links: { help: 'https://sac.uol.com.br/' },
  },
  // Source: none of its own could be read; the host by other programs' tables (995, TLS), November 2026
  {
    id: 'terra',
    label: 'Terra',
    domains: ['terra.com.br'],
    pop: { host: 'pop.terra.com.br', ...TLS },
    ...APP_PASSWORD,
    signIn: 'password',
    links: { help: 'https://ajuda.terra.com.br/' },
  },
  // Source: support.apple.com/102525; autoconfig, me.com, has IMAP only, November 2026
  {
    id: 'icloud',
    label: 'iCloud',
    domains: ['icloud.com', 'me.com', 'mac.com'],
    ...APP_PASSWORD,
    // Apple's mail servers speak IMAP only.
    signIn: 'none',
    links: { help: 'https://support.apple.com/102525' },
  },
  // Source: OpenID Connect Core section 11, November 2026
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
