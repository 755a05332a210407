/** The properties of `pop3 in` as the editor's palette takes them: default, and what may be entered. */
import { POP3_IN_CHOICES, POP3_IN_DEFAULTS } from '../../node-red/data/defaults';
import { word } from '../i18n';
import { isAcknowledged } from './acknowledgement';
import { fromEnvironment, unless, validator } from './form';
import { isOpened, type MailboxNode, providerOf, shownValue } from './mailbox-node';

const NUMBER = /^\d+(\.\d+)?$/;
/** Seconds; a timer of Node takes no longer ones. */
const MOST_INTERVAL = 2_000_000;

/** A validator for a number of something. */
const quantity = (label: string) =>
  validator(function (this: MailboxNode, value: unknown) {
    const fits = fromEnvironment(value) || NUMBER.test(String(value));
    return unless(fits, word('invalid.number', { field: word(label) }));
  });

/** What has to be entered for a login by password; with OAuth the account knows it. */
function required(node: MailboxNode, property: 'user' | 'password', value: unknown): true | string {
  const wanted = shownValue(node, 'auth') === 'password';
  return unless(!wanted || !!String(value).trim(), word(`invalid.${property}`));
}

const host = validator(function (this: MailboxNode, value: string) {
  const [auth, account] = [shownValue(this, 'auth'), shownValue(this, 'account')];
  const known = providerOf(auth, account, shownValue(this, 'service'))?.pop !== undefined;
  // Without an account there is nothing to say about its server yet.
  const asked = auth === 'password' || !!RED.nodes.node(account);
  return unless(known || !asked || !!value?.trim(), word('invalid.host'));
});

const port = validator(function (this: MailboxNode, value: unknown) {
  const number = Number(value);
  const fits = Number.isInteger(number) && number > 0 && number < 65536;
  return unless(fromEnvironment(value) || fits, word('invalid.port'));
});

/** The editor judges a node by its properties alone, and has its credentials only once its dialog was opened. */
const auth = validator(function (this: MailboxNode) {
  const { credentials } = this;
  if (isOpened(this) || credentials === undefined) return true;
  const user = required(this, 'user', credentials.user ?? '');
  if (user !== true) return user;
  return credentials.has_password ? true : required(this, 'password', credentials.password ?? '');
});

const account = validator(function (this: MailboxNode, value: string) {
  const chosen = !!value && value !== '_ADD_';
  return unless(chosen || shownValue(this, 'auth') === 'password', word('invalid.account'));
});

const interval = validator(function (this: MailboxNode, value: unknown) {
  const fits = NUMBER.test(String(value)) && Number(value) <= MOST_INTERVAL;
  return unless(fromEnvironment(value) || fits, word('invalid.interval'));
});

const first = validator(function (this: MailboxNode, value: string) {
  return unless(['new', 'all'].includes(value) || !Number.isNaN(Date.parse(value)), word('invalid.first'));
});

/** With `ack`, mail that no node acknowledges would be delivered again until it is quarantined. */
const handled = validator(function (this: MailboxNode, value: string) {
  return unless(value !== 'ack' || isAcknowledged(this), word('ack.missing'));
});

const directory = validator(function (this: MailboxNode, value: string) {
  const parsed = ['parsed', 'both'].includes(shownValue(this, 'content'));
  const saved = parsed && shownValue(this, 'attachments') === 'file';
  return unless(!saved || !!value?.trim(), word('invalid.directory'));
});

type Name = keyof typeof POP3_IN_DEFAULTS;

const DEFINITIONS: Partial<Record<Name, NodeProperty>> = {
  host: { validate: host },
  port: { validate: port },
  tls: { type: 'tls-config', required: false },
  proxy: { type: 'http proxy', required: false },
  auth: { validate: auth },
  account: { type: 'oauth2-account', required: false, validate: account },
  mechanism: { required: true },
  interval: { validate: interval },
  first: { validate: first },
  handled: { validate: handled },
  directory: { validate: directory },
};
const QUANTITIES: readonly Name[] = [
  'keepDays',
  'ackTimeout',
  'maxAttempts',
  'maxInFlight',
  'maxSize',
  'maxPerCheck',
  'connectTimeout',
  'replyTimeout',
];

export const mailboxProperties = Object.fromEntries(
  (Object.keys(POP3_IN_DEFAULTS) as Name[]).map((name) => [
    name,
    {
      value: POP3_IN_DEFAULTS[name],
      ...(name in POP3_IN_CHOICES && { required: true }),
      ...(QUANTITIES.includes(name) && { validate: quantity(`label.${name}`) }),
      ...DEFINITIONS[name],
    },
  ]),
) as Record<Name, NodeProperty>;

export const mailboxCredentials = {
  user: {
    type: 'text',
    validate: validator(function (this: MailboxNode, value: string) {
      return required(this, 'user', value);
    }),
  },
  password: {
    type: 'password',
    validate: validator(function (this: MailboxNode, value: string) {
      return required(this, 'password', value);
    }),
  },
} as const;
