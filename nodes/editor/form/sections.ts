/** A folded section has a name, and states its choice beside it. */
import { type Provider, providers } from '../../oauth2/providers';
import { word } from '../i18n';
import { fieldValue } from './mailbox-node';

const chosen = (select: string): string => $(select).find('option:selected').text();

function firstCheck(): string {
  const date = String($('#redletter-first-date').val() ?? '');
  if ($('#redletter-first').val() !== 'date') return chosen('#redletter-first');
  return word('first.younger', { date });
}

function mail(): string {
  const content = chosen('#node-input-content');
  const size = fieldValue('maxSize');
  return fieldValue('content') === 'headers' || Number(size) === 0
    ? content
    : word('section.mailUpTo', { content, size });
}

function ports(): string {
  const input = $('#redletter-input').prop('checked') as boolean;
  if ($('#node-input-summary').prop('checked'))
    return word(input ? 'section.flowBoth' : 'section.flowSummary');
  return word(input ? 'section.flowInput' : 'section.flowNone');
}

function connection(row: Provider | undefined): string {
  const typed = fieldValue('host');
  const pop = typed === '' ? row?.pop : undefined;
  const security = pop?.security ?? fieldValue('security');
  const way = { tls: 'TLS', starttls: 'STARTTLS' }[security] ?? word('section.plain');
  const host = typed || pop?.host || '';
  return host === '' ? way : `${host}:${pop?.port ?? fieldValue('port')}, ${way}`;
}

/** Keeps the summaries true while the form changes. */
export class Sections {
  readonly #stated: Record<string, () => string>;

  /** @param provider whose server it is, as the form stands */
  constructor(provider: () => Provider | undefined) {
    this.#stated = {
      first: firstCheck,
      mail,
      handled: () => chosen('#node-input-handled'),
      flow: ports,
      connection: () => connection(provider()),
      limits: () => `${fieldValue('connectTimeout')} s, ${fieldValue('replyTimeout')} s`,
    };
    $('.redletter-form').on('change input', () => this.#show());
    this.#show();
  }

  #show(): void {
    for (const [name, state] of Object.entries(this.#stated)) {
      $(`.redletter-${name} > summary .redletter-stated`).text(state());
    }
  }
}

/** What has to be said about a provider before anything is tried, and where to read on. */
export function hintFor(
  row: Provider | undefined,
  password: boolean,
): { text: string; link?: { href: string; text: string } } | undefined {
  if (row === undefined || row.id === providers.custom?.id) return undefined;
  const facts = { provider: row.label };
  const more = (href: string | undefined, key: string): { link?: { href: string; text: string } } =>
    href === undefined ? {} : { link: { href, text: word(key) } };
  const { links } = row;
  if (row.signIn === 'none') return { text: word('hint.noPop', facts), ...more(links.help, 'hint.more') };
  if (!password) return undefined;
  if (row.quirks.authorizationCode) {
    return { text: word('hint.authorizationCode', facts), ...more(links.help, 'hint.more') };
  }
  if (row.signIn === 'app-password') {
    return {
      text: word('hint.appPassword', facts),
      ...more(links.register ?? links.help, 'hint.appPasswordHow'),
    };
  }
  if (row.signIn !== 'oauth2') return undefined;
  return links.appPassword === undefined
    ? { text: word('hint.oauth2', facts) }
    : {
        text: word('hint.oauth2OrAppPassword', facts),
        ...more(links.appPassword, 'hint.appPasswordHow'),
      };
}
