/** The sign-in from inside the account's dialog: before its first deploy as well as after. */
import { accountPanel, type SignedIn } from './account-panel.editor';
import { fromEnvironment } from './form.editor';

const PROPERTIES = [
  'provider',
  'tenant',
  'issuer',
  'authorizationUrl',
  'tokenUrl',
  'revocationUrl',
  'scope',
  'clientAuth',
  'redirectUri',
];

interface DialogNode {
  id: string;
  credentials?: Record<string, string>;
  _(key: string, facts?: object): string;
}

/** What the runtime says has gone wrong: a sentence in its own language, and what makes one in the reader's. */
interface Told {
  error?: string;
  reason?: string;
  facts?: object;
}

interface Status extends Told, SignedIn {
  state: string;
  label?: string;
  signIn?: Told & { state: string };
}

/** Where this browser reaches the callback: beside the editor, whatever the admin root and the proxy in front of it. */
function callbackUrl(): URL {
  return new URL('redletter/oauth2-account/callback', window.location.href.replace(/[?#].*$/, ''));
}

const isLoopback = ({ hostname }: URL): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);

/** What to register with the provider: providers take https and loopback only, so a plain LAN address becomes localhost. */
function redirectUri(): string {
  const given = String($('#node-config-input-redirectUri').val() ?? '').trim();
  if (given !== '') return given;
  const url = callbackUrl();
  const lan = url.protocol !== 'https:' && !isLoopback(url);
  // Microsoft takes the name localhost only, and no address.
  const byAddress = isLoopback(url) && $('#node-config-input-provider').val() === 'microsoft';
  if (lan || byAddress) url.hostname = 'localhost';
  return url.href;
}

/**
 * The address at which the window is to begin, where that is not beside the redirect URI; undefined: it is. The cookie
 * has to be set on the host the answer comes back to, so the window begins there wherever this browser reaches Node-RED
 * under that address. It does not where the redirect URI says "this machine" and the editor is on another one, or
 * behind a tunnel with a port of its own: then the window ends on an error page, whose address is pasted.
 * @throws TypeError when the redirect URI is not an address
 */
function elsewhere(redirect: string): URL | undefined {
  if (fromEnvironment(redirect)) return undefined;
  const registered = new URL(redirect);
  const here = callbackUrl();
  const reachable =
    !isLoopback(registered) ||
    (isLoopback(here) && here.port === registered.port && here.protocol === registered.protocol);
  return reachable ? undefined : here;
}

/** Wires the panel; returns what ends it when the dialog closes. */
export function prepareSignIn(node: DialogNode): () => void {
  const state = $('.redletter-state');
  const button = $('.redletter-sign-in');
  const panel = accountPanel();
  panel.element.insertAfter(state);
  let signIn: string | undefined;
  let closed = false;

  const say = (text: string, kind: 'ok' | 'error' | 'wait' | 'plain' = 'plain'): void => {
    const icon = { ok: 'fa-check', error: 'fa-exclamation-triangle', wait: 'fa-spinner fa-spin', plain: '' }[
      kind
    ];
    const color = {
      ok: '--red-ui-text-color-success',
      error: '--red-ui-text-color-error',
      wait: '',
      plain: '',
    }[kind];
    state.empty().attr('data-state', kind);
    if (icon !== '') state.append($('<i class="fa">').addClass(icon), document.createTextNode(' '));
    state.append($('<span>').text(text)).css('color', color === '' ? '' : `var(${color})`);
  };

  const showRedirect = (): void => {
    $('.redletter-redirect').text(redirectUri());
    $('#node-config-input-redirectUri').attr('placeholder', redirectUri());
  };
  showRedirect();
  $('#node-config-input-redirectUri').on('input', showRedirect);
  $('#node-config-input-provider').on('change', showRedirect);
  $('.redletter-copy').on('click', () => {
    RED.clipboard.copyText(
      redirectUri(),
      // Its popover wants jQuery, whatever the types say.
      $('.redletter-copy') as never,
      'clipboard.copyMessageValue',
    );
  });

  const value = (name: string): string => String($(`#node-config-input-${name}`).val() ?? '');
  const body = (more: object = {}): string => {
    const properties: Record<string, string> = { grant: 'authorization_code' };
    for (const name of PROPERTIES) properties[name] = value(name);
    const tls = value('tls');
    if (tls !== '_ADD_') properties.tls = tls;
    const credentials: Record<string, string> = { user: value('user'), clientId: value('clientId') };
    // Node-RED shows a stored password as this word; typed in an earlier dialog and not yet deployed, it is here.
    const typed = value('clientSecret');
    const secret = typed === '__PWRD__' ? node.credentials?.clientSecret : typed;
    if (secret !== undefined && secret !== '__PWRD__') credentials.clientSecret = secret;
    return JSON.stringify({ properties, credentials, ...more });
  };
  // Relative and without a leading slash: only so does the editor add its bearer.
  const post = (route: string, data: string): JQuery.jqXHR =>
    $.ajax({
      url: `redletter/oauth2-account/${encodeURIComponent(node.id)}/${route}`,
      type: 'POST',
      contentType: 'application/json',
      data,
    });
  const sentence = ({ error, reason, facts }: Told): string | undefined => {
    const key = `errors.${reason}`;
    const text = reason === undefined ? key : node._(key, facts);
    // A key without a text comes back as it is.
    return text.endsWith(key) ? error : text;
  };
  const failure = (answer: JQuery.jqXHR): string =>
    sentence((answer.responseJSON as Told | undefined) ?? {}) ?? node._('signIn.unreachable');

  const show = (status: Status): void => {
    if (closed) return;
    const attempt = status.signIn;
    if (attempt?.state === 'waiting') return;
    signIn = undefined;
    $('.redletter-paste').hide();
    button.find('span').text(node._(status.state === 'signed-out' ? 'label.signIn' : 'label.signInAgain'));
    if (attempt?.state === 'failed') say(sentence(attempt) ?? node._('signIn.failed'), 'error');
    else if (status.state === 'signed-in') {
      say(node._('signIn.signedIn', { who: status.label || value('user') }), 'ok');
      // Signed in, but not for long.
      const warning = sentence(status);
      if (warning !== undefined) {
        state.append($('<div>').text(warning).css('color', 'var(--red-ui-text-color-warning)'));
      }
    } else if (status.state !== 'signed-out') say(sentence(status) ?? node._('signIn.again'), 'error');
    else say('');
    showPanel(status);
  };
  // Who it is stands above the panel already.
  const showPanel = ({ label: _, ...status }: Status): void =>
    panel.show(status.state === 'signed-out' ? {} : status);
  const ask = (): void => {
    post('status', body(signIn === undefined ? {} : { signIn })).done((status: Status) => show(status));
  };

  const missing = (): string | undefined => {
    if (value('user').trim() === '') return node._('invalid.user');
    if (value('clientId').trim() === '') return node._('invalid.clientId');
    if (value('provider') === 'custom' && value('issuer').trim() === '' && value('tokenUrl').trim() === '') {
      return node._('invalid.issuer');
    }
    return undefined;
  };

  button.on('click', () => {
    const problem = missing();
    if (problem !== undefined) {
      say(problem, 'error');
      return;
    }
    const registered = redirectUri();
    let begin: URL | undefined;
    try {
      begin = elsewhere(registered);
    } catch {
      say(node._('invalid.address'), 'error');
      return;
    }
    // Opened in the click itself, or the browser takes it for an advertisement.
    const popup = window.open('', '_blank', 'popup,width=560,height=720');
    // Pages of the sign-in server have no business in the editor's window.
    if (popup !== null) popup.opener = null;
    say(node._('signIn.starting'), 'wait');
    const texts = {
      lang: document.documentElement.lang || navigator.language,
      title: node._('page.title'),
      done: node._('page.done'),
      failed: node._('page.failed'),
      unknown: node._('page.unknown'),
    };
    post('sign-in', body({ redirectUri: registered, ...(begin && { callbackUrl: begin.href }), texts }))
      .done((started: { id: string; url: string }) => {
        signIn = started.id;
        say(node._('signIn.waiting'), 'wait');
        $('.redletter-paste').toggle(begin !== undefined);
        if (popup === null) {
          state.append(
            ' ',
            $('<a target="_blank" rel="noopener">').attr('href', started.url).text(node._('signIn.open')),
          );
        } else popup.location.href = started.url;
      })
      .fail((answer: JQuery.jqXHR) => {
        popup?.close();
        say(failure(answer), 'error');
      });
  });

  $('.redletter-paste-send').on('click', () => {
    const text = String($('#redletter-paste').val() ?? '');
    post('paste', JSON.stringify({ text }))
      .done(() => {
        $('#redletter-paste').val('');
        ask();
      })
      .fail((answer: JQuery.jqXHR) => say(failure(answer), 'error'));
  });

  $('#redletter-paste').on('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    $('.redletter-paste-send').trigger('click');
  });

  const topic = `redletter/oauth2-account/${node.id}`;
  RED.comms.subscribe(topic, ask);
  // A renewal is nothing to be told aloud; only the panel shows it.
  const refresh = (): void => {
    if (signIn === undefined && missing() === undefined) post('status', body()).done(showPanel);
  };
  RED.comms.subscribe('redletter/health', refresh);
  // Whoever signed in did so for this address and this application; another one is another sign-in.
  $('#node-config-input-user, #node-config-input-clientId, #node-config-input-issuer').on('change', () => {
    if (signIn === undefined && missing() === undefined) ask();
  });
  if (missing() === undefined) ask();

  return () => {
    closed = true;
    RED.comms.unsubscribe(topic, ask);
    RED.comms.unsubscribe('redletter/health', refresh);
  };
}
