/** The mail address chooses what belongs to it; an unknown domain is asked for its server, on a click. */
import type { FindRequest, FindResponse, FoundServer } from '../../admin/protocol';
import { type Provider, providerFor, providers } from '../../oauth2/providers';
import { type MailboxApi, RequestError } from '../api';
import { sentenceOf, word } from '../i18n';
import { domainOfAddress } from './form';
import { field, fieldValue } from './mailbox-node';

export class AddressField {
  readonly #api: MailboxApi;
  readonly #answer = $('.redletter-find-said');
  /** They say whom they ask; there after the domain itself had no answer. */
  readonly #askDatabase = $('.redletter-find-database').hide();
  readonly #guess = $('.redletter-find-guess').hide();
  /** The provider whose settings were filled in last. */
  #filledFor = providerFor(fieldValue('user'))?.id;

  constructor(api: MailboxApi) {
    this.#api = api;
    field('user').on('change', () => this.#follow());
    // What was found is no longer what the form shows.
    field('host').on('input', () => this.#clear());
    field('host').on('change', splitPort);
    $('.redletter-find').on('click', () => this.#find());
    this.#askDatabase.on('click', () => this.#askElsewhere({ database: true }, 'find.notInDatabase'));
    this.#guess.on('click', () => this.#askElsewhere({ guess: true }, 'find.noGuess'));
  }

  #clear(): void {
    this.#answer.empty();
    this.#hideButtons();
  }

  #hideButtons(): void {
    this.#askDatabase.hide();
    this.#guess.hide();
  }

  #follow(): void {
    // The buttons name the domain of the address before.
    this.#hideButtons();
    const row = providerFor(fieldValue('user'));
    // What was chosen by hand since then stays.
    if (row?.id === this.#filledFor || domainOfAddress(fieldValue('user')) === '') return;
    if (row !== undefined) fillIn(row);
    else if (fieldValue('service') === this.#filledFor) choose('service', 'custom');
    this.#filledFor = row?.id;
  }

  #say(text: string, state: 'running' | 'ok' | 'failed'): void {
    this.#answer.text(text).attr('data-state', state);
  }

  async #find(): Promise<void> {
    const address = fieldValue('user');
    const domain = domainOfAddress(address);
    this.#hideButtons();
    this.#say(word('find.looking', { domain }), 'running');
    const answer = await this.#ask({ address });
    if (answer?.found !== null) return;
    this.#say(word(answer.offline ? 'find.offline' : 'find.nothing', { domain }), 'failed');
    if (fieldValue('user') !== address) return;
    this.#guess.text(word('find.askGuess', { domain })).show();
    if (answer.database !== undefined)
      this.#askDatabase.text(word('find.askDatabase', { domain, host: answer.database })).show();
  }

  /** @param nothing the key of what to say where no server was found */
  async #askElsewhere(where: Partial<FindRequest>, nothing: string): Promise<void> {
    const address = fieldValue('user');
    const domain = domainOfAddress(address);
    this.#say(word('find.looking', { domain }), 'running');
    const answer = await this.#ask({ address, ...where });
    // What failed can be tried again.
    if (answer === undefined) return;
    if (answer.found === null)
      this.#say(word(answer.offline ? 'find.offline' : nothing, { domain }), 'failed');
    if (answer.offline) return;
    if (answer.found !== null) this.#hideButtons();
    else (where.guess ? this.#guess : this.#askDatabase).hide();
  }

  /** Fills in what was found, or says why nothing could be asked. */
  async #ask(request: FindRequest): Promise<FindResponse | undefined> {
    try {
      const answer = await this.#api.find(request);
      if (answer.found !== null) this.#say(takeServer(answer.found, request.address), 'ok');
      return answer;
    } catch (error) {
      const view = error instanceof RequestError ? error.view : undefined;
      this.#say((view && sentenceOf(view)) ?? word('find.failed'), 'failed');
      return undefined;
    }
  }
}

const choose = (property: string, chosen: string | number): void => {
  field(property).val(String(chosen)).trigger('change');
};

/** As servers are often written: the port goes into its own field. */
function splitPort(): void {
  const [, host = '', port = ''] =
    /^(?:pop3?s?:\/\/)?([^\s:/]+|\[[\da-f:.]+\]):(\d{1,5})\/?$/i.exec(fieldValue('host')) ?? [];
  if (host === '') return;
  field('host').val(host);
  choose('port', port);
}

/** Fills in a server that was found; returns what to say about it. */
function takeServer(found: FoundServer, address: string): string {
  const facts = { domain: domainOfAddress(address), host: found.host, port: found.port };
  const known = Object.values(providers).find(({ pop }) => pop?.host === found.host);
  choose('security', found.security);
  if (known !== undefined) choose('service', known.id);
  field('host').val(found.host);
  choose('port', found.port);
  const sentences = [word(`find.${found.by}`, facts)];
  if (found.localPart) {
    sentences.push(word('find.localPart'));
    field('user').val(address.split('@')[0] ?? address);
  }
  if (found.oauth2) sentences.push(word('find.oauth2'));
  return sentences.join(' ');
}

/** Fills in server, port, encryption and kind of login; the row itself knows the server's name. */
function fillIn(row: Provider): void {
  if (row.pop !== undefined) {
    field('host').val('');
    choose('security', row.pop.security);
    choose('port', row.pop.port);
  }
  // With OAuth too: a person who turns to an app password finds it chosen.
  choose('service', row.pop === undefined ? 'custom' : row.id);
  choose('auth', row.signIn === 'oauth2' ? 'oauth2' : 'password');
  if (row.signIn !== 'oauth2') return;
  const [only, ...more] = accountsOf(row.id);
  const chosen = RED.nodes.node(fieldValue('account'));
  if (only !== undefined && more.length === 0 && chosen?.provider !== row.id) choose('account', only);
}

/** Accounts in this editor, deployed or not, of a provider. */
function accountsOf(provider: string): string[] {
  const ids: string[] = [];
  RED.nodes.eachConfig(({ type, id, provider: its }) => {
    if (type === 'oauth2-account' && its === provider) ids.push(id);
  });
  return ids;
}
