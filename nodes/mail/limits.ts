// What one mail may cost. A sender chooses every byte of a mail, so each thing that grows with it has a limit here.
// What is beyond a limit is delivered as far as it goes, and `mail.problems` says so.

/** Levels of parts inside each other. Real mail has fewer than 20; memory and numbering grow with each. */
export const MAX_LEVELS = 100;

/** Parts of one mail. Digests of mailing lists hold more than 1,000; each costs about 1 kB of memory. */
export const MAX_PARTS = 10_000;

/** Bytes of the multiparts in which no part was found that are shown as text: the rest is in the raw bytes. */
export const MAX_PARTLESS = 4 * 1024 * 1024;

/** Such multiparts of one mail. */
export const MAX_PARTLESS_TEXTS = 1000;

/** Bytes at the beginning of such a multipart in which the boundary is looked for. */
export const MAX_BOUNDARY_SEARCH = 64 * 1024;

/** Bytes of one header block that are kept: twenty times what servers accept by default. */
export const MAX_HEADER_BYTES = 512 * 1024;

/** Bytes of all the header blocks of the parts of a mail together, the mail's own not counted. */
export const MAX_PART_HEADER_BYTES = 2 * 1024 * 1024;

/** Fields of one header block: a mail that passed a hundred servers has some 500. */
export const MAX_HEADER_FIELDS = 2000;

/** Bytes of one field: some 1,500 addresses. */
export const MAX_FIELD_BYTES = 64 * 1024;

/** Addresses of one field: the limit of recipients of the large providers is 1,000. */
export const MAX_ADDRESSES = 2000;

/** Addresses of all fields of the mail's header, and of all its parts' headers: some 5 µs and 500 bytes each. */
export const MAX_ALL_ADDRESSES = 10_000;

/** Message IDs in the References of a header: a thread of as many mails is cut by its mailers long before. */
export const MAX_REFERENCES = 2000;

/** Bytes of the fields of a header that mailparser reads (List-*, DKIM-Signature, priorities): 15 ms in one go. */
export const MAX_SPECIAL_BYTES = 32 * 1024;

/** Characters of the name of an attachment: four times what file systems take. */
export const MAX_NAME = 1024;

/** Characters of HTML that become text for one mail, all its parts together: at the most 200 ms of work. */
export const MAX_CONVERTED = 512 * 1024;

/** Characters of plain text shown in the HTML of one mail, all its parts together: 50 ms of work in one go. */
export const MAX_SHOWN = 128 * 1024;

/** Quote marks before a line, list levels: deeper ones are shown like this one, so that no line grows with depth. */
export const MAX_INDENT = 8;

/** Characters of `data:` addresses written into the HTML for the images of a mail; mailparser's own limit. */
export const MAX_IMAGE_URLS = 20 * 1024 * 1024;

/** Characters of an HTML in which images are looked for: beyond, only having it in one piece takes 100 ms. */
export const MAX_IMAGE_HTML = 8 * 1024 * 1024;

/** Images put into the HTML, and places in it that may show one: 3 µs for each. */
export const MAX_SHOWN_IMAGES = 10_000;
export const MAX_IMAGE_PLACES = 100_000;

/** Images shown by their Content-Location, and characters of the HTML, which is looked through for each: 20 ms. */
export const MAX_IMAGE_LOCATIONS = 100;
export const MAX_LOCATION_HTML = 256 * 1024;

/** Files taken out of the plain texts and the winmail.dat files of one mail, all together. */
export const MAX_FOUND_FILES = 1000;

/** Bytes that compressed RTF of one mail unpacks to: eighteen times what came, at the most. */
export const MAX_RTF = 16 * 1024 * 1024;

/** Bytes of one RTF that become text. */
export const MAX_RTF_TEXT = 4 * 1024 * 1024;

/** Characters of a line of format=flowed: a longer one does not flow (RFC 3676 section 4.2 wants 78). */
export const MAX_FLOWED_LINE = 64 * 1024;

/** Quote marks of a line of format=flowed. */
export const MAX_QUOTES = 1000;

/** Bytes of a winmail.dat whose contents are looked for: above what providers accept as a mail. */
export const MAX_TNEF = 50 * 1024 * 1024;

/** Bytes of a mail worked on in one go. */
export const SLICE = 8 * 1024;

/** Milliseconds of work after which other flows get their turn. */
export const TURN_MS = 10;
