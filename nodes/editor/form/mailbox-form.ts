/** The form of `pop3 in`: what it shows, hides and fills in while a person changes it. */

import type { MailboxDraft } from '../../admin/protocol';
import { portFor } from '../../node-red/data/defaults';
import { type Provider, providerFor, providers } from '../../oauth2/providers';
import { PASSWORD_MECHANISMS, TOKEN_MECHANISMS } from '../../pop3/sasl/names';
import { getAccountCredentials, MailboxApi } from '../api';
import { checkNow } from '../check-now';
import { word } from '../i18n';
import { importExample } from '../import-example';
import { accountInEditor } from '../sign-in/account-form';
import { isInTemplate } from '../template';
import { TestPanel } from '../test/panel';
import { PreviewPanel } from '../test/preview';
import { isAcknowledged } from './acknowledgement';
import { AddressField } from './address';
import { FirstCheck } from './first-check';
import { fromEnvironment, secretOf, setOptions } from './form';
import { enableKeyboard } from './keyboard';
import { field, fieldValue, type MailboxNode, providerOf, setOpened } from './mailbox-node';
import { hintFor, Sections } from './sections';
import { rememberForm } from './surroundings';

/** Properties that say where the mailbox is and how to log in. */
const WAY = ['auth', 'account', 'service', 'host', 'port', 'security', 'tls', 'proxy', 'mechanism'];

/** Which rows are shown for which choice. */
const SHOWN_BY: [select: string, rows: string, values: string[]][] = [
  ['after', '.redletter-expire', ['expire']],
  ['handled', '.redletter-ack', ['ack']],
  ['content', '.redletter-attachments', ['parsed', 'both']],
  ['attachments', '.redletter-directory', ['file']],
  ['security', '.redletter-plaintext', ['none']],
];

const RECENT = /^recent:/;

export class MailboxForm {
  readonly #node: MailboxNode;
  readonly #test: TestPanel;
  readonly #preview: PreviewPanel;

  constructor(node: MailboxNode) {
    this.#node = node;
    this.#fillDefaults();
    setOpened(node);
    rememberForm(field('user').closest('.redletter-form'));
    enableKeyboard();
    this.#prepareChoices();
    this.#preparePorts();
    this.#prepareProvider();
    this.#prepareRecent();
    const api = new MailboxApi(node.id);
    new FirstCheck(node, api);
    new AddressField(api);
    this.#prepareCheckNow();
    field('directory').on('input change', () => this.#showFullPath());
    this.#showFullPath();
    new Sections(() => this.#provider);
    const draft = (): MailboxDraft => this.#draft();
    this.#test = new TestPanel({
      node: node.id,
      panel: $('.redletter-test-panel'),
      start: $('.redletter-test-start'),
      cancel: $('.redletter-test-cancel'),
      api,
      draft,
      setup: () => ({
        auth: fieldValue('auth'),
        service: this.#provider?.id ?? providerFor(fieldValue('user'))?.id ?? 'custom',
        user: fieldValue('user'),
        grant: String(RED.nodes.node(fieldValue('account'))?.grant ?? ''),
      }),
      field: (property) => field(property),
      use: ({ port, security }) => {
        field('security').val(security).trigger('change');
        field('port').val(port).trigger('change');
      },
    });
    this.#preview = new PreviewPanel({
      panel: $('.redletter-preview-panel'),
      start: $('.redletter-preview-start'),
      api,
      draft,
    });
  }

  /** The dialog closes. */
  close(): void {
    setOpened(undefined);
    rememberForm(undefined);
    this.#test.close();
    this.#preview.close();
  }

  /** The dialog closes, and what it shows is kept. */
  save(): void {
    this.close();
    // With an account the service is the account's.
    if (fieldValue('auth') !== 'password') field('service').append($('<option>').val('')).val('');
  }

  get #accountMissing(): boolean {
    return fieldValue('auth') !== 'password' && !RED.nodes.node(fieldValue('account'));
  }

  /** Whose server it is; until there is an account the address says so. */
  get #provider(): Provider | undefined {
    return this.#accountMissing
      ? providerFor(fieldValue('user'))
      : providerOf(fieldValue('auth'), fieldValue('account'), fieldValue('service'));
  }

  /** A node made before a property existed, or written by hand without it, runs with its default, so the form shows that. */
  #fillDefaults(): void {
    for (const [name, { value }] of Object.entries(this.#node._def.defaults)) {
      if (this.#node[name] === undefined && value !== '' && typeof value !== 'boolean') {
        field(name).val(String(value));
      }
    }
  }

  #prepareChoices(): void {
    const node = this.#node;
    field('handled').on('change', () => this.#warnOfAcknowledgement());
    this.#warnOfAcknowledgement();
    $('.redletter-ack-example').on('click', importExample);
    setOptions(field('service'), [
      ...Object.values(providers)
        .filter((row) => row.pop !== undefined)
        .map((row) => ({ value: row.id, label: row.label })),
      { value: 'custom', label: word('service.custom') },
    ]);
    field('service').val(node.service || 'custom');
    const mechanism = node.mechanism || 'auto';
    field('mechanism').append($('<option>').val(mechanism)).val(mechanism);
    field('security').on('change', () => {
      // The two well-known ports follow the choice; one typed by hand stays.
      const port = field('port');
      const known = ['', portFor('tls'), portFor('none')].map(String);
      if (known.includes(String(port.val()))) port.val(portFor(fieldValue('security')));
    });
    for (const [select, rows, values] of SHOWN_BY) {
      const choose = (): void => {
        $(rows).toggle(values.includes(fieldValue(select)));
      };
      field(select).on('change', choose);
      choose();
    }
  }

  /** The numbers of ports follow two check boxes. */
  #preparePorts(): void {
    const input = $('#redletter-input');
    input.prop('checked', Number(field('inputs').val()) > 0);
    input.on('change', () => field('inputs').val(input.prop('checked') ? 1 : 0));
    const summary = field('summary');
    const count = (): void => {
      field('outputs').val(summary.prop('checked') ? 2 : 1);
    };
    summary.on('change', count);
    count();
  }

  /** What is deployed can be checked at once. */
  #prepareCheckNow(): void {
    const node = this.#node;
    $('.redletter-check-now')
      .toggle(!node.changed && !node.d && !!RED.nodes.node(node.id))
      .on('click', () => checkNow(node));
  }

  /** A relative folder counts from one that only the runtime knows. */
  #showFullPath(): void {
    const typed = fieldValue('directory');
    const base = String(RED.settings.pop3InFileFolder ?? '');
    const absolute = /^([\\/]|[a-z]:[\\/])/i.test(typed) || fromEnvironment(typed);
    const separator = base.includes('\\') ? '\\' : '/';
    const path = [base, typed.replace(/^\.[\\/]/, '')].join(separator);
    $('.redletter-full-path').text(
      typed === '' || absolute || base === '' ? '' : word('hint.fullPath', { path }),
    );
  }

  /** Mail that no node acknowledges would be delivered again and again. */
  #warnOfAcknowledgement(): void {
    const missing = fieldValue('handled') === 'ack' && !isAcknowledged(this.#node);
    $('.redletter-ack-missing').toggle(missing);
  }

  #prepareProvider(): void {
    const show = (): void => this.#showProvider();
    for (const name of ['auth', 'service', 'account', 'user']) field(name).on('change', show);
    show();
  }

  /** What depends on the provider and on the kind of login. */
  #showProvider(): void {
    const password = fieldValue('auth') === 'password';
    const provider = this.#provider;
    $('.redletter-oauth2').toggle(!password);
    $('.redletter-password').toggle(password);
    field('user').attr(
      'placeholder',
      word(password || this.#accountMissing ? 'placeholder.user' : 'placeholder.mailbox'),
    );
    const ofAddress = providerFor(fieldValue('user'));
    const hint = hintFor(ofAddress?.signIn === 'none' ? ofAddress : (provider ?? ofAddress), password);
    const place = $('.redletter-form > .redletter-hint').empty();
    if (hint !== undefined) place.append($('<span>').text(hint.text));
    if (hint?.link !== undefined) {
      const { href, text } = hint.link;
      place.append(' ', $('<a target="_blank" rel="noopener noreferrer">').attr('href', href).text(text));
    }
    // Gmail hides a mail once it was downloaded, so there is nothing to delete later.
    field('after')
      .find('option[value="expire"]')
      .prop('disabled', provider?.id === 'google');
    $('.redletter-recent').toggle(provider?.id === 'google');
    // A known provider's server needs no typing.
    $('.redletter-host').toggle(provider?.pop === undefined || !!field('host').val());
    $('.redletter-finding').toggle(password && provider?.pop === undefined);
    field('host').attr('placeholder', provider?.pop?.host ?? 'pop.example.com');
    this.#offerMechanisms(password ? PASSWORD_MECHANISMS : TOKEN_MECHANISMS);
  }

  #offerMechanisms(names: readonly string[]): void {
    const mechanism = field('mechanism');
    const chosen = String(mechanism.val() ?? this.#node.mechanism ?? 'auto');
    const options = names.map((name) => ({ value: name, label: name }));
    setOptions(mechanism, [{ value: 'auto', label: word('mechanism.auto') }, ...options]);
    mechanism.val(names.includes(chosen) ? chosen : 'auto');
  }

  /** Gmail's "recent" mode is a prefix of the user name, which is all that Gmail looks at. */
  #prepareRecent(): void {
    const recent = $('#redletter-recent');
    const isRecent = (): boolean => RECENT.test(fieldValue('user'));
    const write = (address: string): void => {
      const prefixed = recent.prop('checked') && address !== '' ? `recent:${address}` : address;
      field('user').val(prefixed).trigger('change');
    };
    recent.prop('checked', isRecent());
    recent.on('change', async () => {
      const typed = fieldValue('user').replace(RECENT, '');
      if (typed !== '' || !recent.prop('checked')) {
        write(typed);
        return;
      }
      const stored = await getAccountCredentials(fieldValue('account')).catch(() => undefined);
      if (stored !== undefined) write(stored.user ?? '');
      recent.prop('checked', isRecent());
    });
  }

  /** What the form shows, saved or not; a stored password is not in it. */
  #draft(): MailboxDraft {
    const password = secretOf(field('password'), this.#node.credentials?.password);
    const account = accountInEditor(fieldValue('account'));
    return {
      properties: {
        ...Object.fromEntries(WAY.map((name) => [name, fieldValue(name)])),
        allowPlaintext: field('allowPlaintext').prop('checked') === true,
      },
      credentials: { user: fieldValue('user'), ...(password !== undefined && { password }) },
      ...(account && { account }),
      ...(isInTemplate(this.#node) && { template: true }),
    };
  }
}
