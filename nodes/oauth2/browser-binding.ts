/**
 * How a sign-in is bound to one browser: by a cookie on the callback's own host and path, for this sign-in alone. Texts
 * that name a sign-in are written `id.secret`: the ID finds it, the secret proves it.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { type PendingAnswer, SIGN_IN_MS } from './sign-in-store';

function cookieName(id: string): string {
  return `redletter-sign-in-${id}`;
}

/** The Set-Cookie header of the window's first page. */
export function bindBrowser(id: string, { callbackUrl, cookie }: PendingAnswer): string {
  const { pathname, protocol } = new URL(callbackUrl);
  const parts = [
    `${cookieName(id)}=${cookie}`,
    `Path=${pathname}`,
    `Max-Age=${SIGN_IN_MS / 1000}`,
    'HttpOnly',
    // Lax: the answer comes as a navigation from the sign-in server's site.
    'SameSite=Lax',
    ...(protocol === 'https:' ? ['Secure'] : []),
  ];
  return parts.join('; ');
}

/** Whether a Cookie header comes from the browser that began the sign-in. */
export function isBoundBrowser(id: string, { cookie }: PendingAnswer, header: string | undefined): boolean {
  const given = readCookie(header, cookieName(id));
  return given !== undefined && same(cookie, given);
}

function readCookie(header: string | undefined, name: string): string | undefined {
  const crumbs = header?.split(';').map((crumb) => crumb.trim()) ?? [];
  return crumbs.find((crumb) => crumb.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** The ID in `id.secret`. */
export function idIn(text: string): string {
  return text.slice(0, text.indexOf('.'));
}

/** Whether the secret in `id.secret` is the expected one; never, where none is expected any more. */
export function proves(expected: string | undefined, text: unknown): boolean {
  return (
    expected !== undefined && typeof text === 'string' && same(expected, text.slice(text.indexOf('.') + 1))
  );
}

function same(expected: string, given: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(expected), digest(given));
}
