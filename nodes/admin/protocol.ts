/**
 * What the editor in the browser asks of the runtime, and what it gets: every route below the admin root, every request
 * and response. Types only. Times are ms since the epoch, by the runtime's clock.
 */

import type { Report } from '../connection-test/report';
import type { DrainRequest, MoveRequest, ReplicaReport } from './fleet-protocol';

export type { Report, Step, StepState } from '../connection-test/report';

export type Facts = Record<string, string | number | undefined>;

/** What went wrong. `message` is in the runtime's language; the browser makes its own of `code`, `reason` and `facts`. */
export interface ErrorView {
  code?: string;
  reason: string;
  facts: Facts;
  message: string;
  /** Who can change what a provider refused, and on which of its pages. */
  cure?: { who: 'you' | 'administrator' | 'owner'; link?: string };
}

/** The body of every response whose status is 400 or higher. */
export type ErrorResponse = Partial<ErrorView>;

// ---- the account: POST redletter/oauth2-account/:id/… ----

/** An account as its dialog shows it, deployed or not. A stored secret that was not typed again is absent. */
export interface AccountDraft {
  properties: Record<string, unknown>;
  credentials: Record<string, string>;
}

/** Texts of the pages that the sign-in window shows, in the reader's language. */
export interface WindowTexts {
  lang: string;
  title: string;
  done: string;
  failed: string;
  unknown: string;
  paste: string;
}

/** `…/sign-in` */
export interface SignInRequest extends AccountDraft {
  redirectUri?: string;
  /** Where the window begins, if not beside the redirect URI. */
  callbackUrl?: string;
  texts?: WindowTexts;
  /** Another person signed in before: the provider must ask who it is. */
  anotherPerson?: boolean;
}

export interface DeviceCodeView {
  id: string;
  userCode: string;
  verificationUri: string;
  verificationUriComplete?: string;
  /** ms from now, because the browser's clock may differ */
  lastsMs: number;
}

/** Continues in a window, continues with a code, or is complete because no person is needed. */
export type SignInResponse = ({ id: string; url: string } | DeviceCodeView | { state: 'signed-in' }) & {
  /** The application registered itself under this ID. */
  clientId?: string;
};

/** `…/status`; `signIn`: the ID of a sign-in of this dialog. */
export interface StatusRequest extends AccountDraft {
  signIn?: string;
}

/** Who is signed in, and until when. */
export interface SignedInView {
  /** The address the provider named. */
  label?: string;
  /** Space-separated. */
  scope?: string;
  signedInAt?: number;
  /** When the access token was issued. */
  renewedAt?: number;
  expiresAt?: number;
  renewable?: boolean;
  /** When a person has to sign in again, whatever happens. */
  endsAt?: number;
}

export interface SignInOutcomeView extends Partial<ErrorView> {
  state: 'waiting' | 'signed-in' | 'failed' | 'cancelled' | string;
  label?: string;
  renewable?: boolean;
}

export interface StatusResponse extends SignedInView, Partial<ErrorView> {
  state: string;
  /** How the sign-in of the request stands. */
  signIn?: SignInOutcomeView;
}

/** `…/paste`: the address of the window's last page. */
export interface PasteRequest {
  text: string;
}

/** `…/cancel` */
export interface CancelSignInRequest {
  signIn: string;
}

/** `…/sign-out` */
export interface SignOutResponse extends Partial<ErrorView> {
  revoked: boolean;
}

/** `…/mailbox`: previews the mailbox that the account is for. */
export interface ProbeRequest extends StatusRequest {
  mailbox?: object;
}

/** Empty where the mail server is not known yet. */
export type ProbeResponse =
  | Record<string, never>
  | { messages: number }
  | (ErrorView & { catalogue: 'pop3-in' | 'oauth2-account' });

/** `…/scopes`: those that an own provider names in its discovery document. */
export interface ScopesResponse {
  scopes: string[];
}

/** Published under `redletter/oauth2-account/:id`. */
export interface SignInNews {
  state: string;
}

// ---- a mailbox in its dialog: POST redletter/pop3-in/:id/… ----

/** A `pop3 in` as its dialog shows it, deployed or not. */
export interface MailboxDraft {
  properties: Record<string, unknown>;
  credentials: { user: string; password?: string };
  /** The account as this editor has it, where it may be newer than the deployed one. */
  account?: AccountDraft;
  /** The node stands in the template of a subflow: what its environment gives is each instance's own. */
  template?: boolean;
}

/** The response of `…/test`, whose request is a `MailboxDraft`: the ID of the test, for `…/test-report` and `…/test-cancel`. */
export interface TestHandle {
  test: string;
}
/** Null: the test waits for a running check of the same mailbox. */
export interface TestReportResponse {
  report: Report | null;
}
/** Published under `redletter/pop3-in/:id`. */
export interface TestNews extends TestHandle {
  step: string;
  state: string;
}

/** A mail in the response of `…/preview`, whose request is a `MailboxDraft`. */
export interface PreviewedMail {
  key: string;
  bytes?: number;
  subject?: string;
  from?: string;
  date?: string;
}
export interface PreviewResponse {
  mails: PreviewedMail[];
  /** A provider's ID, or `custom`. */
  service: string;
}

/** `…/send`: one mail to the deployed flow, by its key in the preview or by its unique ID. */
export interface SendRequest {
  key: string;
}
/** `…/find`; `database`: asks the autoconfig database, not the domain; `guess`: tries the usual names below it */
export interface FindRequest {
  address: string;
  database?: true;
  guess?: true;
}
/** A mail server that a domain publishes as its own. */
export interface FoundServer {
  host: string;
  port: number;
  security: 'tls' | 'starttls';
  /** The user name is the part before the @. */
  localPart?: true;
  /** The server requires OAuth 2.0. */
  oauth2?: true;
  by: 'autoconfig' | 'srv' | 'database' | 'guess';
}
/** `database`: the host of the autoconfig database, which can be asked next; absent where it may not, or was */
export interface FindResponse {
  found: FoundServer | null;
  /** Node-RED has no network, so the domain was not asked. */
  offline?: true;
  database?: string;
}

// ---- a fleet: POST redletter/fleet/… ----

export type { DrainRequest, MoveRequest, ReplicaReport };

// ---- health: GET redletter/health, POST redletter/pop3-in/:id/… ----

export interface HealthReport {
  now: number;
  /** Of this package, of Node-RED and of Node, for a report to its authors. */
  versions: { package: string; nodeRed: string; node: string };
  mailboxes: MailboxReport[];
  accounts: AccountReport[];
  /** Absent without a fleet; no replicas while the database does not respond. */
  fleet?: { replicas: ReplicaReport[] };
}

/** `…/restart`: begins with a first check again; `first` as the property of that name. */
export interface RestartRequest {
  first: string;
}

export interface MailboxReport {
  /** Of the running node, to ask something of it. */
  id: string;
  /** Where it is in the editor. */
  node: string;
  name: string;
  host: string;
  user: string;
  /** The subflow instances around it, the outermost first; empty where it is in none. */
  path: string[];
  /** The ID of the account it uses, where it uses one. */
  account?: string;
  /** `key` and `facts`: what to make of it in the reader's language; else `text` is a key itself. */
  status: { fill: string; shape: string; text: string; key?: string; facts?: Facts };
  /** A check is under way. */
  busy: boolean;
  checkedAt?: number;
  nextCheckAt?: number;
  error?: ErrorView & { at: number; over: boolean };
  /** Mails delivered in each of the last 24 hours, the present one last. */
  hours: number[];
  /** Of these, mails that may have been delivered before. */
  redeliveredHours: number[];
  /** Since Node-RED was started, only growing; failed checks by their code. */
  totals: {
    checks: number;
    delivered: number;
    redelivered: number;
    deleted: number;
    bytes: number;
    errors: Record<string, number>;
  };
  /** The name of the Node-RED that owns the mailbox in a fleet; absent where none does. */
  owner?: string;
  isPaused: boolean;
  /** When the first check was, and how many mails it ignored. */
  firstCheck?: { at: number; ignored: number };
  /** The newest first; empty unless asked for by `redletter/health?open=id,id`. */
  checks: {
    at: number;
    ms: number;
    found: number;
    delivered: number;
    redelivered: number;
    error?: ErrorView;
  }[];
  /** The same. */
  mails: {
    uid: string;
    subject: string;
    from: string;
    bytes: number;
    at: number;
    redelivered: boolean;
    outcome: string;
  }[];
  inFlight: number;
  unsettled: number;
  /** The newest first; `count` may be more than are named. */
  setAside: { count: number; mails: { uid: string; subject?: string; from?: string; at?: number }[] };
}

export interface AccountReport extends SignedInView {
  /** Of the configuration node. */
  node: string;
  name: string;
  provider: string;
  user: string;
  state: string;
  /** No request goes to the provider before. */
  retryAt?: number;
  error?: ErrorView;
}
