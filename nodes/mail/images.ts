// Images an HTML shows by `cid:` (RFC 2392), or by the address a part says it is the content of (RFC 2557), are put into
// it as `data:` addresses, so that a dashboard shows them: in `src`, `background`, `srcset` and CSS alike. They stay
// attachments too.
import {
  MAX_IMAGE_HTML,
  MAX_IMAGE_LOCATIONS,
  MAX_IMAGE_PLACES,
  MAX_IMAGE_URLS,
  MAX_LOCATION_HTML,
  MAX_SHOWN_IMAGES,
} from './limits';
import { he } from './mailparser';
import type { MailAttachment } from './message';
import { Occurrences } from './occurrences';

/** Characters of an address that are looked for. */
const MAX_ADDRESS = 256;
/** What ends an address, in attributes, `srcset` and CSS; brackets only where they are not part of it. */
const ADDRESS = /^[^'"\s<>]{1,256}/;
const CIDS = ['cid:', 'CID:', 'Cid:'];
/** In front of an address an image is shown by; as short as this, it is looked for in so many characters. */
const SHOWN_BY = /(?:\b(?:src|background)\s*=\s*|\burl\(\s*)["']?$/i;
const MAX_SHOWN_BY = 20;

export interface WithImages {
  /** The same string when it shows no image that the mail brought in memory. */
  html: string;
  /** The HTML is too long, or shows more than is put into it. */
  isCut: boolean;
}

/** The HTML with its images; may be paused meanwhile. */
export function* inlineImages(html: string, attachments: MailAttachment[]): Generator<void, WithImages> {
  const { byId, byLocation } = imagesOf(html, attachments);
  if (byId.size + byLocation.size === 0) return { html, isCut: false };
  if (html.length > MAX_IMAGE_HTML) return { html, isCut: true };
  yield;
  const urls = new Map<MailAttachment, string>();
  // Grows by concatenation, which copies nothing.
  let out = '';
  let written = 0;
  let copied = 0;
  let places = 0;
  let shown = 0;
  let isCut = false;
  // Looking for the letters first: a regular expression over 25 MB of HTML would hold up the event loop.
  const marks = new Occurrences(html, [...(byId.size ? CIDS : []), ...byLocation.keys()]);
  for (let at = marks.next(0); at >= 0; at = marks.next(Math.max(at + 1, copied))) {
    yield;
    if (++places > MAX_IMAGE_PLACES || shown === MAX_SHOWN_IMAGES)
      return { html: out + html.slice(copied), isCut: true };
    const isId = CIDS.includes(html.slice(at, at + 4));
    const before = html.slice(Math.max(0, at - MAX_SHOWN_BY), at);
    if (isId ? /\w$/.test(before) : !SHOWN_BY.test(before)) continue;
    const from = isId ? at + 4 : at;
    const found = imageAt(html.slice(from, from + MAX_ADDRESS), isId ? byId : byLocation);
    if (!found) continue;
    const { length, image } = found;
    const bytes = image.content as Buffer;
    isCut ||= written + bytes.length * 1.34 > MAX_IMAGE_URLS;
    if (written + bytes.length * 1.34 > MAX_IMAGE_URLS) continue;
    const url = urls.get(image) ?? `data:${image.contentType};base64,${yield* base64(bytes)}`;
    urls.set(image, url);
    written += url.length;
    shown++;
    out += html.slice(copied, at) + url;
    copied = from + length;
  }
  return { html: copied ? out + html.slice(copied) : html, isCut };
}

type Images = Map<string, MailAttachment>;

function imagesOf(html: string, attachments: MailAttachment[]): { byId: Images; byLocation: Images } {
  const byId: Images = new Map();
  const byLocation: Images = new Map();
  const most = html.length > MAX_LOCATION_HTML ? 0 : MAX_IMAGE_LOCATIONS;
  for (const one of attachments) {
    if (!one.content || !/^image\/[\w.+-]+$/i.test(one.contentType)) continue;
    if (one.cid && !byId.has(one.cid)) byId.set(one.cid, one);
    const location = one.headers.get('content-location');
    if (typeof location === 'string' && location !== '' && byLocation.size < most)
      byLocation.set(location, one);
  }
  return { byId, byLocation };
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

/** The image whose address stands at the beginning, as it is, percent-encoded (RFC 2392) or with character references. */
function imageAt(text: string, images: Images): { length: number; image: MailAttachment } | undefined {
  const whole = ADDRESS.exec(text)?.[0];
  if (whole === undefined) return undefined;
  const cut = [whole, whole.replace(/&(quot|#39|#34|apos);.*$/i, ''), whole.replace(/[),;].*$/, '')];
  for (const written of cut) {
    const image = images.get(written) ?? images.get(unescaped(written));
    if (image) return { length: written.length, image };
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
