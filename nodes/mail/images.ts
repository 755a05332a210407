// Images an HTML shows by `cid:` are put into it as `data:` addresses, as simpleParser does it for the e-mail
// node, so that a dashboard shows them. They stay attachments too.
import type { MailAttachment } from './message';

/** Characters of addresses that are written at most; mailparser's own limit. */
const MOST = 20 * 1024 * 1024;

/** The HTML with its images; the same string when it shows none that the mail brought in memory. */
export function inlineImages(html: string, attachments: MailAttachment[]): string {
  const images = new Map<string, MailAttachment>();
  for (const one of attachments) {
    if (one.cid && one.content && /^image\/\w+$/i.test(one.contentType) && !images.has(one.cid))
      images.set(one.cid, one);
  }
  if (!images.size) return html;
  const urls = new Map<string, string>();
  const pieces: string[] = [];
  let written = 0;
  let copied = 0;
  // Looking for the four letters first: a regular expression over 25 MB of HTML would hold up the event loop.
  for (let at = html.indexOf('cid:'); at >= 0; at = html.indexOf('cid:', at + 4)) {
    if (at > 0 && /\w/.test(html[at - 1] as string)) continue;
    const cid = /^[^'"\s]{1,256}/.exec(html.slice(at + 4, at + 4 + 256))?.[0];
    const image = cid === undefined ? undefined : images.get(cid);
    if (cid === undefined || !image?.content) continue;
    let url = urls.get(cid);
    if (url === undefined) {
      url = `data:${image.contentType};base64,${image.content.toString('base64')}`;
      urls.set(cid, url);
    }
    if (written + url.length > MOST) continue;
    written += url.length;
    pieces.push(html.slice(copied, at), url);
    copied = at + 4 + cid.length;
  }
  return pieces.length ? pieces.join('') + html.slice(copied) : html;
}
