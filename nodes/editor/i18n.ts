/** Words of the catalogue of `pop3 in`, for what other dialogs show as well. */
export function word(key: string, facts: Record<string, unknown> = {}): string {
  // The editor gives a missing fact's place back as it stands.
  return RED._(`@redletter/node-red-pop3/pop3-in:${key}`, facts as never).replace(/__\w+?__/g, '');
}

/** What the runtime says has gone wrong: what makes a sentence, and one in the runtime's own language. */
export interface Told {
  code?: string;
  reason?: string;
  facts?: Record<string, string | number>;
  message?: string;
}

/**
 * A sentence in the reader's language, as the runtime's own room of words would put it together; what was tried from a
 * dialog nobody tries again but whoever reads it, so `dialog.…` goes before `errors.…`.
 */
export function sentenceOf({ code, reason = '', facts = {}, message }: Told): string | undefined {
  const account = /^account\/(.*)$/.exec(reason)?.[1];
  const known = (key: string): string | undefined => {
    const text = RED._(key, facts as never).replace(/__\w+?__/g, '');
    // A key without a text comes back as it is.
    return text.endsWith(key.split(':')[1] ?? key) ? undefined : text;
  };
  const set = account === undefined ? 'pop3-in' : 'oauth2-account';
  const about = account ?? reason;
  return (
    known(`@redletter/node-red-pop3/${set}:dialog.${about}`) ??
    known(`@redletter/node-red-pop3/${set}:errors.${about}`) ??
    known(`@redletter/node-red-pop3/pop3-in:dialog.${code}`) ??
    known(`@redletter/node-red-pop3/pop3-in:errors.${code}`) ??
    message
  );
}

/** As the reader's country writes numbers and dates. */
export const language = (): string => {
  const { i18n } = RED as unknown as { i18n?: { lang?(): string } };
  return i18n?.lang?.() || navigator.language;
};

export function octets(count: number): string {
  const [unit, size] = count < 1024 * 1024 ? ['kB', count / 1024] : ['MB', count / 1024 / 1024];
  const digits = size < 10 ? 1 : 0;
  return `${size.toLocaleString(language(), { maximumFractionDigits: digits })} ${unit}`;
}

/** So many seconds as people say them: "42 seconds", "55 minutes". */
export function duration(seconds: number): string {
  const [unit, length] = seconds < 120 ? ['second', 1] : ['minute', 60];
  const format = new Intl.NumberFormat(language(), { style: 'unit', unit, unitDisplay: 'long' });
  return format.format(Math.max(0, Math.round(seconds / length)));
}

export function day(iso: string | undefined): string {
  const time = new Date(iso ?? '');
  return Number.isNaN(time.getTime())
    ? (iso ?? '')
    : time.toLocaleDateString(language(), { dateStyle: 'medium' });
}

export function moment(iso: string | undefined): string {
  const time = new Date(iso ?? '');
  return Number.isNaN(time.getTime())
    ? ''
    : time.toLocaleString(language(), { dateStyle: 'short', timeStyle: 'short' });
}
