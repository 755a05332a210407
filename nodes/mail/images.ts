// Images an HTML shows by `cid:` (RFC 2392) are put into it as `data:` addresses, so that a dashboard shows them: in
// `src`, `background`, `srcset` and CSS alike. They stay attachments too.
import { MAX_IMAGE_HTML, MAX_IMAGE_PLACES, MAX_IMAGE_URLS, MAX_SHOWN_IMAGES } from './limits';
import { he } from './mailparser';
import type { MailAttachment } from './message';
import { Occurrences } from './occurrences';

/** Characters of a content ID that are looked for. */
const MAX_ID = 256;
/** What ends an address, in attributes, `srcset` and CSS; brackets only where they are not part of it. */
const ADDRESS = /^[^'"\s<>]{1,256}/;

export interface WithImages {
  /** The same string when it shows no image that the mail brought in memory. */
  html: string;
  /** The HTML is too long, or has more places that may show an image than are looked at. */
  isCut: boolean;
}

/** The HTML with its images; may be paused meanwhile. */
export function* inlineImages(html: string, attachments: MailAttachment[]): Generator<void, WithImages> {
  const images = new Map<string, MailAttachment>();
  for (const one of attachments) {
    if (one.cid && one.content && /^image\/[\w.+-]+$/i.test(one.contentType) && !images.has(one.cid))
      images.set(one.cid, one);
  }
  if (!images.size) return { html, isCut: false };
  if (html.length > MAX_IMAGE_HTML) return { html, isCut: true };
  yield;
  const urls = new Map<string, string>();
  // Grows by concatenation, which copies nothing.
  let out = '';
  let written = 0;
  let copied = 0;
  let places = 0;
  let shown = 0;
  // Looking for the four letters first: a regular expression over 25 MB of HTML would hold up the event loop.
  const cids = new Occurrences(html, ['cid:', 'CID:', 'Cid:']);
  for (let at = cids.next(0); at >= 0; at = cids.next(at + 4)) {
    yield;
    if (++places > MAX_IMAGE_PLACES || shown === MAX_SHOWN_IMAGES)
      return { html: out + html.slice(copied), isCut: true };
    if (at > 0 && /\w/.test(html[at - 1] as string)) continue;
    const found = imageAt(html.slice(at + 4, at + 4 + MAX_ID), images);
    if (!found) continue;
    const { cid, length, image } = found;
    let url = urls.get(cid);
    if (url === undefined) {
      url = `data:${image.contentType};base64,${yield* base64(image.content as Buffer)}`;
      urls.set(cid, url);
    }
    if (written + url.length > MAX_IMAGE_URLS) continue;
    written += url.length;
    shown++;
    out += html.slice(copied, at) + url;
    copied = at + 4 + length;
  }
  return { html: copied ? out + html.slice(copied) : html, isCut: false };
}

/** Bytes encoded before there is a pause; a multiple of three, so that nothing is filled up in between. */
const ENCODED = 3 * 128 * 1024;

function* base64(bytes: Buffer): Generator<void, string> {
  let text = '';
  for (let at = 0; at < bytes.length; at += ENCODED) {
    text += bytes.toString('base64', at, at + ENCODED);
    yield;
  }
  return text;
}

/** The image whose ID stands at the beginning, as it is, percent-encoded (RFC 2392) or with character references. */
function imageAt(
  text: string,
  images: Map<string, MailAttachment>,
): { cid: string; length: number; image: MailAttachment } | undefined {
  const whole = ADDRESS.exec(text)?.[0];
  if (whole === undefined) return undefined;
  const cut = [whole, whole.replace(/&(quot|#39|#34|apos);.*$/i, ''), whole.replace(/[),;].*$/, '')];
  for (const written of cut) {
    for (const cid of [written, unescaped(written)]) {
      const image = images.get(cid);
      if (image) return { cid, length: written.length, image };
    }
  }
  return undefined;
}

function unescaped(written: string): string {
  const text = written.includes('&') ? he().decode(written) : written;
  try {
    return decodeURIComponent(text).replace(/^<|>$/g, '');
  } catch {
    return text;
  }
}
