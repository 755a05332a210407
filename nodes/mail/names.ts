// Names of attachments that are safe to create a file by, on any system, whatever the mail says.

/** Longest name in bytes of UTF-8; file systems take 255, and a suffix may follow. */
const LONGEST = 180;

/** Devices on Windows, with or without an extension, and whatever blanks stand before that. */
const RESERVED = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *([.:]|$)/i;

// Separators, what Windows refuses, control characters, and marks that turn the reading direction, which make
// "exe.txt" of "txt.exe".
const UNSAFE = /[<>:"|?*\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const EXTENSIONS: Record<string, string> = {
  'application/gzip': 'gz',
  'application/ics': 'ics',
  'application/json': 'json',
  'application/msword': 'doc',
  'application/ms-tnef': 'dat',
  'application/pdf': 'pdf',
  'application/pgp-signature': 'asc',
  'application/pkcs7-mime': 'p7m',
  'application/pkcs7-signature': 'p7s',
  'application/rtf': 'rtf',
  'application/vnd.ms-excel': 'xls',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': 'pptx',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
  'application/x-pkcs7-signature': 'p7s',
  'application/xml': 'xml',
  'application/zip': 'zip',
  'audio/mpeg': 'mp3',
  'audio/wav': 'wav',
  'audio/x-wav': 'wav',
  'image/bmp': 'bmp',
  'image/gif': 'gif',
  'image/heic': 'heic',
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/svg+xml': 'svg',
  'image/tiff': 'tif',
  'image/webp': 'webp',
  'message/delivery-status': 'txt',
  'message/rfc822': 'eml',
  'text/calendar': 'ics',
  'text/csv': 'csv',
  'text/html': 'html',
  'text/plain': 'txt',
  'text/rfc822-headers': 'txt',
  'text/vcard': 'vcf',
  'text/x-vcard': 'vcf',
  'text/xml': 'xml',
  'video/mp4': 'mp4',
  'video/quicktime': 'mov',
};

/** A name for an attachment the mail gave none: `attachment` and what fits its type. */
function nameByType(contentType: string): string {
  const extension = Object.hasOwn(EXTENSIONS, contentType) ? EXTENSIONS[contentType] : 'bin';
  return `attachment.${extension}`;
}

/**
 * The part of a name that is safe to create a file by: no path, no character or device name a file system
 * trips over, not hidden, not too long, its extension kept. Empty when nothing is left.
 */
export function safeName(name: string): string {
  const last = wellFormed(name).normalize('NFC').split(/[/\\]/).pop() ?? '';
  const clean = last
    .replace(UNSAFE, '_')
    // Windows drops dots and blanks at the end; a dot in front hides a file.
    .replace(/[. ]+$/, '')
    .replace(/^[. ]+/, '');
  return shorten(RESERVED.test(clean) ? `_${clean}` : clean);
}

/** Puts a suffix before the extension: `offer.pdf` → `offer-1.pdf`. */
export function withSuffix(name: string, suffix: string): string {
  const dot = name.lastIndexOf('.');
  return dot > 0 ? `${name.slice(0, dot)}-${suffix}${name.slice(dot)}` : `${name}-${suffix}`;
}

function shorten(name: string): string {
  if (Buffer.byteLength(name) <= LONGEST) return name;
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 && Buffer.byteLength(name.slice(dot)) <= 20 ? name.slice(dot) : '';
  let room = LONGEST - Buffer.byteLength(extension);
  let base = '';
  for (const char of name) {
    room -= Buffer.byteLength(char);
    if (room < 0) break;
    base += char;
  }
  return base.replace(/[. ]+$/, '') + extension;
}

/** Gives out names that are safe and, letters' case aside, different from each other. */
export class NamesOfOneMail {
  readonly #taken = new Set<string>();
  readonly #counts = new Map<string, number>();

  next(filename: string | undefined, contentType: string): string {
    const wanted = (filename && safeName(filename)) || nameByType(contentType);
    const key = wanted.toLowerCase();
    let name = wanted;
    for (let count = this.#counts.get(key) ?? 0; this.#taken.has(name.toLowerCase()); ) {
      count++;
      this.#counts.set(key, count);
      name = withSuffix(wanted, String(count));
    }
    this.#taken.add(name.toLowerCase());
    return name;
  }
}

/** Half a surrogate pair cannot be part of a file name. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
