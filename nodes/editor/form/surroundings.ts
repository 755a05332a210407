/** Where the account's dialog stands: the address of this editor, and the `pop3 in` that use the account. */
import { isLoopback as isLoopbackHost } from '../../base/loopback';
import { fromEnvironment } from './form';

/** Where this browser reaches the callback: beside the editor, whatever the admin root and the proxy in front of it. */
export function callbackUrl(): URL {
  return new URL('redletter/oauth2-account/callback', window.location.href.replace(/[?#].*$/, ''));
}

const isLoopback = ({ hostname }: URL): boolean => isLoopbackHost(hostname);

/** Neither https nor this machine: no provider sends a browser back there. */
export const isLan = (url: URL): boolean => url.protocol !== 'https:' && !isLoopback(url);

const FORM = 'redletter-form';

/**
 * Remembers the form of the `pop3 in` whose dialog is open: the editor takes a dialog out of the page while another one
 * lies over it. Each node's script stands alone, so it is remembered by the page. `undefined`: the dialog is closed.
 */
export function rememberForm(form: JQuery | undefined): void {
  $('body').removeData(FORM);
  if (form !== undefined) $('body').data(FORM, form);
}

/** What a field of the form beneath this dialog holds. */
function beneath(property: string): JQuery {
  return (($('body').data(FORM) as JQuery | undefined) ?? $()).find(`#node-input-${property}`);
}

/** The mail address in the form of a `pop3 in` beneath this dialog; empty where there is none. */
export function addressBeneath(): string {
  const typed = String(beneath('user').val() ?? '').trim();
  return typed.includes('@') ? typed.replace(/^recent:/, '') : '';
}

/** What to register with the provider: providers take https and loopback only, so a plain LAN address becomes localhost. */
export function redirectUri(): string {
  const given = String($('#node-config-input-redirectUri').val() ?? '').trim();
  if (given !== '') return given;
  const url = callbackUrl();
  // Microsoft takes the name localhost only, and no address.
  const byAddress = isLoopback(url) && $('#node-config-input-provider').val() === 'microsoft';
  if (isLan(url) || byAddress) url.hostname = 'localhost';
  return url.href;
}

/**
 * The address at which the window is to begin, where that is not beside the redirect URI; undefined: it is. The cookie
 * has to be set on the host the answer comes back to, so the window begins there wherever this browser reaches Node-RED
 * under that address. It does not where the redirect URI says "this machine" and the editor is on another one, or
 * behind a tunnel with a port of its own: then the window ends on an error page, whose address is pasted.
 * @throws TypeError when the redirect URI is not an address
 */
export function elsewhere(redirect: string): URL | undefined {
  if (fromEnvironment(redirect)) return undefined;
  const registered = new URL(redirect);
  const here = callbackUrl();
  const reachable =
    !isLoopback(registered) ||
    (isLoopback(here) && here.port === registered.port && here.protocol === registered.protocol);
  return reachable ? undefined : here;
}

/** What will happen when the button is pressed, as the key of a sentence. */
export function wayHere(grant: string): string {
  if (grant === 'device_code') return isLan(callbackUrl()) ? 'deviceHere' : 'device';
  if (grant !== 'authorization_code') return grant;
  const registered = redirectUri();
  return URL.canParse(registered) && elsewhere(registered) !== undefined ? 'paste' : 'window';
}

const SERVER = ['host', 'port', 'security', 'tls', 'proxy'];

/** The server of a `pop3 in` that uses this account: of one whose form is open beneath this one, else in the editor. */
export function mailboxOf(account: string): object | undefined {
  const form = (name: string): unknown => {
    const value = beneath(name).val();
    // The text a list of configuration nodes shows while none is chosen.
    return value === '_ADD_' ? '' : value;
  };
  if (form('host') && form('security')) {
    return {
      ...Object.fromEntries(SERVER.map((name) => [name, form(name)])),
      allowPlaintext: beneath('allowPlaintext').prop('checked') === true,
    };
  }
  let found: object | undefined;
  RED.nodes.eachNode((node) => {
    if (node.type === 'pop3 in' && node.account === account && node.host) {
      found ??= Object.fromEntries([...SERVER, 'allowPlaintext'].map((name) => [name, node[name]]));
    }
  });
  return found;
}
