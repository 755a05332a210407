import { createHash } from 'node:crypto';

/** What a route has to answer. */
export interface HttpReply {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** The sentences of the page in the sign-in's own window, in the reader's language. Plain text. */
export interface PageTexts {
  /** BCP 47, such as `de`. */
  lang: string;
  /** The window's title. */
  title: string;
  /** The sign-in has succeeded; the window closes itself where the browser lets it. */
  done: string;
  /** It has not; the dialog says more. */
  failed: string;
  /** Nothing is known of this sign-in: too late, used already, another browser, a restart. */
  unknown: string;
  /** It arrived in a browser without the cookie: the address below can be pasted into the dialog. */
  paste: string;
}

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;margin:20vh auto;max-width:32em;padding:0 1em;text-align:center}' +
  'code{overflow-wrap:anywhere;user-select:all}' +
  ':root{color-scheme:light dark}';
const CLOSE = 'window.close()';

const GUARDED: Record<string, string> = {
  'cache-control': 'no-store',
  pragma: 'no-cache',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** A page that says one thing, and closes itself if asked to. */
export function page(
  status: number,
  texts: PageTexts,
  say: 'done' | 'failed' | 'unknown' | 'paste',
  detail?: string,
): HttpReply {
  const close = say === 'done';
  const scripts = close ? `script-src '${hash(CLOSE)}'; ` : '';
  return {
    status,
    headers: {
      ...GUARDED,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy':
        `default-src 'none'; ${scripts}style-src '${hash(STYLE)}'; ` +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    },
    body:
      `<!doctype html><html lang="${escaped(texts.lang)}"><head><meta charset="utf-8">` +
      `<meta name="viewport" content="width=device-width"><title>${escaped(texts.title)}</title>` +
      `<style>${STYLE}</style></head><body data-outcome="${say}"><p>${escaped(texts[say])}</p>` +
      `${detail ? `<p><small>${say === 'paste' ? '<code>' : ''}${escaped(detail)}${say === 'paste' ? '</code>' : ''}</small></p>` : ''}` +
      `${close ? `<script>${CLOSE}</script>` : ''}</body></html>`,
  };
}

/** Sends the browser on, with a cookie. Only ever to an address this room has made itself. */
export function sendOn(location: URL, cookie: string): HttpReply {
  return {
    status: 302,
    headers: {
      ...GUARDED,
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      location: location.href,
      'set-cookie': cookie,
    },
    body: '',
  };
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function hash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
