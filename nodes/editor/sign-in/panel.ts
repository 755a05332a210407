/** The sign-in from inside the account's dialog: before its first deploy as well as after. */

import { elsewhere, mailboxOf, redirectUri, wayHere } from '../form/surroundings';
import { accountPanel, type SignedIn } from './account-panel';
import { prepareDevicePanel, type ShownCode } from './device-code';

const PROPERTIES = [
  'provider',
  'grant',
  'tenant',
  'issuer',
  'authorizationUrl',
  'tokenUrl',
  'deviceUrl',
  'revocationUrl',
  'scope',
  'clientAuth',
  'redirectUri',
];
/** Configuration nodes of the editor's own. */
const CHOSEN = ['tls', 'proxy'];
const SECRETS = ['clientSecret', 'privateKey', 'refreshToken'];

interface DialogNode {
  id: string;
  credentials?: Record<string, string>;
  _(key: string, facts?: object): string;
}

/** What the runtime says has gone wrong: a sentence in its own language, and what makes one in the reader's. */
interface Told {
  message?: string;
  reason?: string;
  facts?: object;
}

interface Status extends Told, SignedIn {
  state: string;
  label?: string;
  signIn?: Told & { state: string };
}

/** How a sign-in has begun: by a window, by a code, or it is over already since it needed nobody. */
type Started = ({ id: string; url: string } | ShownCode | { state: 'signed-in' }) & {
  /** The application has registered itself. */
  clientId?: string;
};

/** A question of the editor's own lies over everything, but lets the keyboard stay below it. */
function takeFocus(question: HTMLElement, giveUp: () => void): void {
  const buttons = $(question).attr({ role: 'alertdialog', 'aria-modal': 'true' }).find('button');
  $(question)
    .attr('aria-label', $(question).children('p').text())
    .on('keydown', (event) => {
      if (event.key === 'Escape') giveUp();
      else if (event.key === 'Tab') {
        const at = buttons.index(document.activeElement as Element) + (event.shiftKey ? -1 : 1);
        buttons.eq(at % buttons.length).trigger('focus');
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
  // It has begun to slide in, so it can be focused.
  buttons.first().trigger('focus');
}

/** Wires the panel; returns what ends it when the dialog closes. */
export function prepareSignIn(node: DialogNode): () => void {
  const state = $('.redletter-state');
  const button = $('.redletter-sign-in');
  const signOut = $('.redletter-sign-out');
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
    state.empty().attr('data-state', kind).removeAttr('data-mailbox');
    const paint = color === '' ? '' : `var(${color})`;
    if (icon !== '') state.append($('<i class="fa">').addClass(icon).css('color', paint), ' ');
    // The green of the light theme is too pale to read by; the sign in front may have it.
    state.append($('<span>').text(text)).css('color', kind === 'error' ? paint : '');
  };
  /** Besides, on a line of its own. */
  const warn = (text: string): void => {
    const sign = $('<i class="fa fa-exclamation-triangle">').css('color', 'var(--red-ui-text-color-warning)');
    state.append($('<div>').append(sign, ' ', $('<span>').text(text)));
  };

  /** What has just appeared is seen, in a dialog that is longer than many screens. */
  const intoView = (part: JQuery): void => part[0]?.scrollIntoView({ block: 'nearest' });

  const value = (name: string): string => String($(`#node-config-input-${name}`).val() ?? '');
  const needsPerson = (): boolean => ['authorization_code', 'device_code'].includes(value('grant'));
  const body = (more: object = {}): string => {
    const properties = Object.fromEntries(PROPERTIES.map((name) => [name, value(name)]));
    for (const name of CHOSEN) if (value(name) !== '_ADD_') properties[name] = value(name);
    const credentials: Record<string, string> = { user: value('user'), clientId: value('clientId') };
    for (const name of SECRETS) {
      // Node-RED shows a stored password as this word; typed in an earlier dialog and not yet deployed, it is here.
      const typed = value(name);
      const secret = typed === '__PWRD__' ? node.credentials?.[name] : typed;
      if (secret !== undefined && secret !== '__PWRD__') credentials[name] = secret;
    }
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
  /** A key without a text comes back as it is. */
  const known = (key: string, facts: object | undefined): string | undefined => {
    const text = node._(key, facts);
    return text.endsWith(key.slice(key.indexOf(':') + 1)) ? undefined : text;
  };
  const sentence = ({ message, reason, facts }: Told): string | undefined =>
    reason === undefined ? message : (known(`errors.${reason}`, facts) ?? message);
  /** For what was tried from this dialog, which nobody tries again but whoever reads it. */
  const sentenceHere = (told: Told): string | undefined =>
    known(`dialog.${told.reason}`, told.facts) ?? sentence(told);
  const failure = (answer: JQuery.jqXHR): string =>
    sentenceHere((answer.responseJSON as Told | undefined) ?? {}) ?? node._('signIn.unreachable');

  const code = prepareDevicePanel(node, () => cancel());
  const cancel = (): void => {
    if (signIn !== undefined) post('cancel', JSON.stringify({ signIn }));
  };

  /** What is hidden takes the focus along, unless it has gone on before. */
  const leave = (part: JQuery): void => {
    if (part.is(':focus') || part.find(':focus').length > 0) button.trigger('focus');
    part.hide();
  };
  const hideCode = (): void => {
    leave($('.redletter-device'));
    code.hide();
  };

  const showButton = (signedOut: boolean): void => {
    const again = signedOut ? node._('label.signIn') : node._('label.signInAgain');
    // The editor fills in what the form itself says only after the dialog has been prepared.
    button
      .find('span')
      .removeAttr('data-i18n')
      .text(needsPerson() ? again : node._('label.test'));
  };
  const showWay = (): void => {
    $('.redletter-redirect').text(redirectUri());
    $('#node-config-input-redirectUri').attr('placeholder', redirectUri());
    const way = wayHere(value('grant'));
    $('.redletter-way').text(node._(`way.${way}`));
  };
  $('#node-config-input-redirectUri').on('input', showWay);
  $('.redletter-copy').on('click', () => {
    RED.clipboard.copyText(
      redirectUri(),
      // Its popover wants jQuery, whatever the types say.
      $('.redletter-copy') as never,
      'clipboard.copyMessageValue',
    );
  });

  const show = (status: Status): void => {
    if (closed) return;
    const attempt = status.signIn;
    if (attempt?.state === 'waiting') return;
    const ended = signIn;
    signIn = undefined;
    hideCode();
    leave($('.redletter-paste'));
    const signedOut = ['signed-out', 'unknown'].includes(status.state);
    signOut.toggle(
      !signedOut && value('grant') !== 'client_credentials' && value('grant') !== 'service_account',
    );
    showButton(signedOut);
    if (attempt?.state === 'failed') {
      say(sentenceHere(attempt) ?? node._('signIn.failed'), 'error');
      intoView(state);
    } else if (status.state === 'signed-in') {
      const who = status.label || value('user');
      say(node._('signIn.signedIn', { who }), 'ok');
      if (attempt?.state === 'signed-in') lookIntoMailbox(who, { signIn: ended });
      // Signed in, but not for long.
      const warning = sentence(status);
      if (warning !== undefined) warn(warning);
    } else if (!signedOut) say(sentence(status) ?? node._('signIn.again'), 'error');
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
    const fromJson = value('grant') === 'service_account' && value('provider') !== 'custom';
    // A server that is found by its issuer may let applications register themselves.
    const mayRegister = needsPerson() && value('provider') === 'custom' && value('issuer').trim() !== '';
    if (value('clientId').trim() === '' && !fromJson && !mayRegister) return node._('invalid.clientId');
    if (value('provider') === 'custom' && value('issuer').trim() === '' && value('tokenUrl').trim() === '') {
      return node._('invalid.issuer');
    }
    return undefined;
  };

  /** By the provider's own pages, in a window. */
  const openWindow = (): void => {
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
    const texts = {
      lang: document.documentElement.lang || navigator.language,
      title: node._('page.title'),
      done: node._('page.done'),
      failed: node._('page.failed'),
      unknown: node._('page.unknown'),
    };
    const more = { redirectUri: registered, ...(begin && { callbackUrl: begin.href }), texts };
    start(more, popup).done((started: Started) => {
      if (!('url' in started)) return;
      say(node._('signIn.waiting'), 'wait');
      $('.redletter-paste').toggle(begin !== undefined);
      intoView(begin === undefined ? state : $('.redletter-paste'));
      if (popup === null) {
        state.append(
          ' ',
          $('<a target="_blank" rel="noopener">').attr('href', started.url).text(node._('signIn.open')),
        );
      } else popup.location.href = started.url;
    });
  };

  /** The application that has registered itself is a public one: another's secret and key go. */
  const keepClient = (id: string): void => {
    $('#node-config-input-clientId').val(id);
    $('#node-config-input-clientSecret, #node-config-input-privateKey').val('');
    if (value('clientAuth') === 'private_key_jwt') {
      $('#node-config-input-clientAuth').val('body').trigger('change');
    }
  };

  const start = (more: object, popup?: Window | null): JQuery.jqXHR => {
    cancel();
    say(node._('signIn.starting'), 'wait');
    return post('sign-in', body(more))
      .done((started: Started) => {
        if ('id' in started) signIn = started.id;
        if (started.clientId !== undefined) keepClient(started.clientId);
        if (closed) cancel();
      })
      .fail((answer: JQuery.jqXHR) => {
        popup?.close();
        say(failure(answer), 'error');
      });
  };

  button.on('click', () => {
    const problem = missing();
    if (problem !== undefined) {
      say(problem, 'error');
      intoView(state);
    } else if (value('grant') === 'authorization_code') openWindow();
    else {
      start(needsPerson() ? { redirectUri: redirectUri() } : {}).done((started: Started) => {
        if ('userCode' in started) {
          say(node._('signIn.code'), 'wait');
          code.show(started);
        } else {
          say(node._('signIn.works'), 'ok');
          lookIntoMailbox(value('user'));
          signOut.toggle(value('grant') === 'refresh_token');
        }
      });
    }
  });

  /** The last step: whether the mail server takes the token. Where nobody knows the server yet, nothing is said. */
  const lookIntoMailbox = (who: string, more: object = {}): void => {
    const beside = $('<div class="redletter-mailbox-look">').appendTo(state);
    beside.text(node._('signIn.looking'));
    post('mailbox', body({ mailbox: mailboxOf(node.id), ...more }))
      .done((look: Told & { messages?: number; catalogue?: string }) => {
        const { messages, catalogue, reason, facts } = look;
        if (messages !== undefined) {
          state.find('span').first().text(node._('signIn.connected', { who, messages }));
          beside.remove();
        } else if (reason === undefined) beside.remove();
        else {
          const text = known(`@redletter/node-red-pop3/${catalogue}:errors.${reason}`, facts) ?? look.message;
          beside.text(text ?? '').css('color', 'var(--red-ui-text-color-error)');
          state.attr('data-mailbox', 'failed');
        }
      })
      .fail(() => beside.remove());
  };

  signOut.on('click', () => {
    const question = RED.notify(node._('signOut.ask'), {
      modal: true,
      fixed: true,
      type: 'warning',
      buttons: [
        { text: node._('label.cancel'), click: () => answered(signOut) },
        {
          text: node._('label.signOut'),
          class: 'primary',
          click: () => {
            answered(button);
            forget();
          },
        },
      ],
    } as never) as unknown as HTMLElement & { close(): void };
    const answered = (next: JQuery): void => {
      question.close();
      next.trigger('focus');
    };
    takeFocus(question, () => answered(signOut));
  });
  const forget = (): void => {
    say(node._('signOut.under'), 'wait');
    post('sign-out', body())
      .done((answer: Told & { revoked: boolean }) => {
        leave(signOut);
        say(node._(answer.revoked ? 'signOut.done' : 'signOut.forgotten'));
        const why = sentenceHere(answer);
        if (why !== undefined) warn(why);
      })
      .fail((answer: JQuery.jqXHR) => say(failure(answer), 'error'));
  };

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
  // A renewal is nothing to be told aloud; only the panel shows it.
  const refresh = (): void => {
    if (signIn === undefined && missing() === undefined) post('status', body()).done(showPanel);
  };
  RED.comms.subscribe('redletter/health', refresh);
  // What the dialog itself has done stands there already; somebody may have signed out elsewhere.
  const heard = (_topic: string, news: { state: string }): void => {
    if (news.state !== 'signed-out' || state.attr('data-state') === 'ok') ask();
  };
  RED.comms.subscribe(topic, heard as never);
  // Another provider, grant, address or application is another sign-in.
  $('#node-config-input-grant').on('redletter', () => {
    cancel();
    signIn = undefined;
    hideCode();
    leave($('.redletter-paste'));
    say('');
    leave(signOut);
    showButton(true);
    showWay();
    if (missing() === undefined) ask();
  });
  $('#node-config-input-user, #node-config-input-clientId, #node-config-input-issuer').on('change', () => {
    if (signIn === undefined && missing() === undefined) ask();
  });
  showButton(true);
  showWay();
  if (missing() === undefined) ask();

  return () => {
    closed = true;
    code.hide();
    // Nobody sees the code any more; a window that is open may still be finished.
    if (value('grant') === 'device_code') cancel();
    RED.comms.unsubscribe(topic, heard as never);
    RED.comms.unsubscribe('redletter/health', refresh);
  };
}
