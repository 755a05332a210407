/** Every request of the dialogs and the sidebar; the one place that sends any. */
import type {
  AccountDraft,
  CancelSignInRequest,
  DrainRequest,
  ErrorResponse,
  FindRequest,
  FindResponse,
  HealthReport,
  MailboxDraft,
  MoveRequest,
  PasteRequest,
  PreviewResponse,
  ProbeRequest,
  ProbeResponse,
  RestartRequest,
  ScopesResponse,
  SendRequest,
  SignInNews,
  SignInOutcomeView,
  SignInRequest,
  SignInResponse,
  SignOutResponse,
  StatusRequest,
  StatusResponse,
  TestHandle,
  TestNews,
  TestReportResponse,
} from '../admin/protocol';
import { word } from './i18n';

/** Why there is no answer: what the runtime said, or nothing where it did not respond. */
export class RequestError extends Error {
  constructor(
    readonly view: ErrorResponse | undefined,
    readonly status: number,
  ) {
    super(view?.message ?? 'Node-RED does not respond');
  }
}

/** Node-RED itself, or the guard of the routes, refuses a user who may only read, without a sentence. */
function viewOf({ status, responseJSON }: JQuery.jqXHR): ErrorResponse | undefined {
  if (status === 401 || status === 403) return { message: word('access.refused') };
  return responseJSON as ErrorResponse | undefined;
}

/** The editor adds its bearer only to relative addresses without a leading slash. */
function request<T>(method: 'GET' | 'POST', url: string, body?: object): Promise<T> {
  return new Promise((resolve, reject) => {
    $.ajax({
      url,
      type: method,
      ...(body && { contentType: 'application/json', data: JSON.stringify(body) }),
      cache: false,
    }).then(
      (answer) => resolve(answer as T),
      (failed: JQuery.jqXHR) => reject(new RequestError(viewOf(failed), failed.status)),
    );
  });
}

/** Hears what the runtime publishes under a topic; returns how to stop. */
function hear<News>(topic: string, listener: (news: News) => void): () => void {
  const heard = ((_: string, news: News) => listener(news)) as NewsListener;
  RED.comms.subscribe(topic, heard);
  return () => RED.comms.unsubscribe(topic, heard);
}

const HEALTH = 'redletter/health';

/** Something about any mailbox or account may have changed. */
export const onHealthNews = (listener: () => void): (() => void) => hear(HEALTH, listener);
/** @param open the mailboxes whose last checks and mails are wanted */
export const getHealth = (open: Iterable<string> = []): Promise<HealthReport> =>
  request('GET', `${HEALTH}?open=${[...open].map(encodeURIComponent).join(',')}`);

export const drainReplica = (body: DrainRequest): Promise<object> =>
  request('POST', 'redletter/fleet/drain', body);
export const moveMailbox = (body: MoveRequest): Promise<object> =>
  request('POST', 'redletter/fleet/move', body);

/** The text credentials of a deployed node; the runtime keeps those that are secret. */
const getCredentials = <T>(type: string, id: string): Promise<T> =>
  request('GET', `credentials/${type.replace(/\s+/g, '-')}/${encodeURIComponent(id)}`);

export const getAccountCredentials = (id: string): Promise<{ user?: string }> =>
  getCredentials('oauth2-account', id);
export const getEmailNodeCredentials = (id: string): Promise<{ userid?: string }> =>
  getCredentials('e-mail in', id);

/** What the dialog of an account asks. */
export class AccountApi {
  readonly #id: string;
  constructor(id: string) {
    this.#id = id;
  }

  signIn = (body: SignInRequest): Promise<SignInResponse> => this.#post('sign-in', body);
  status = (body: StatusRequest): Promise<StatusResponse> => this.#post('status', body);
  paste = (body: PasteRequest): Promise<SignInOutcomeView> => this.#post('paste', body);
  cancel = (body: CancelSignInRequest): Promise<object> => this.#post('cancel', body);
  signOut = (body: AccountDraft): Promise<SignOutResponse> => this.#post('sign-out', body);
  scopes = (body: AccountDraft): Promise<ScopesResponse> => this.#post('scopes', body);
  probe = (body: ProbeRequest): Promise<ProbeResponse> => this.#post('mailbox', body);
  onNews = (listener: (news: SignInNews) => void): (() => void) =>
    hear(`redletter/oauth2-account/${this.#id}`, listener);

  #post<T>(route: string, body: object): Promise<T> {
    return request('POST', `redletter/oauth2-account/${encodeURIComponent(this.#id)}/${route}`, body);
  }
}

/** What the dialog and the card of a mailbox ask. */
export class MailboxApi {
  readonly #id: string;
  constructor(id: string) {
    this.#id = id;
  }

  test = (body: MailboxDraft): Promise<TestHandle> => this.#post('test', body);
  testReport = (body: TestHandle): Promise<TestReportResponse> => this.#post('test-report', body);
  cancelTest = (body: TestHandle): Promise<object> => this.#post('test-cancel', body);
  onTestNews = (listener: (news: TestNews) => void): (() => void) =>
    hear(`redletter/pop3-in/${this.#id}`, listener);
  preview = (body: MailboxDraft): Promise<PreviewResponse> => this.#post('preview', body);
  send = (body: SendRequest): Promise<object> => this.#post('send', body);
  find = (body: FindRequest): Promise<FindResponse> => this.#post('find', body);
  check = (): Promise<object> => this.#post('check', {});
  pause = (): Promise<object> => this.#post('pause', {});
  resume = (): Promise<object> => this.#post('resume', {});
  restart = (body: RestartRequest): Promise<object> => this.#post('restart', body);
  retry = (uid: string): Promise<object> => this.#post(`set-aside/${encodeURIComponent(uid)}/retry`, {});

  #post<T>(route: string, body: object): Promise<T> {
    return request('POST', `redletter/pop3-in/${encodeURIComponent(this.#id)}/${route}`, body);
  }
}

/** A guide that ships with this package: Node-RED serves its resources beside the editor. Markdown. */
export const guideText = async (name: string): Promise<string> =>
  $.ajax({ url: `resources/@redletter/node-red-pop3/guides/${name}.md`, dataType: 'text' });
