import { prepareAddress } from './editor/form/address';
import { fromEnvironment, offer, prepareForm, unless, validator } from './editor/form/form';
import { offerFromEmailNode, withdrawFromEmailNode } from './editor/form/from-email-node';
import { hintFor, stateSections } from './editor/form/sections';
import { rememberForm } from './editor/form/surroundings';
import { addHealthTab, removeHealthTab } from './editor/health/sidebar';
import { leaveStatuses, translateStatuses } from './editor/health/status';
import { accountInEditor } from './editor/sign-in/account-form';
import { prepareTest } from './editor/test/panel';
import { preparePreview } from './editor/test/preview';
import { providerFor, providers } from './oauth2/providers';

interface Pop3In {
  [property: string]: unknown;
  _def: { defaults: Record<string, { value: unknown }> };
  id: string;
  credentials?: { user?: string; password?: string; has_password?: boolean };
  name: string;
  auth: string;
  account: string;
  service: string;
  host: string;
  first: string;
  mechanism: string;
  attachments: string;
  content: string;
  _(key: string, facts?: object): string;
}

const MECHANISMS: Record<string, string[]> = {
  oauth2: ['auto', 'XOAUTH2', 'OAUTHBEARER'],
  password: ['auto', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'CRAM-MD5', 'PLAIN', 'LOGIN', 'APOP', 'USER'],
};

/** The row of the provider table that names the server, from the form as it stands. */
function rowOf(auth: string, account: string, service: string) {
  const id =
    auth === 'password' ? service : (RED.nodes.node(account) as { provider?: string } | null)?.provider;
  return id === undefined ? undefined : providers[id];
}

/** A validator for a number of something. */
function quantity(label: string) {
  return validator(function (this: Pop3In, value: unknown) {
    const fits = fromEnvironment(value) || /^\d+(\.\d+)?$/.test(String(value));
    return unless(fits, this._('invalid.number', { field: this._(label) }));
  });
}

const fieldValue = (property: string): string => {
  const value = String($(`#node-input-${property}`).val() ?? '').trim();
  // A configuration node that is still to be made.
  return value === '_ADD_' ? '' : value;
};

/** The node whose dialog is open. */
let opened: string | undefined;

/** A property as the reader sees it: in the form where that is open, else as it was saved. */
function seen(node: Pop3In, property: 'auth' | 'account' | 'service' | 'attachments' | 'content'): string {
  return node.id === opened ? fieldValue(property) : node[property];
}

/** What has to be typed for a sign-in by password; with OAuth the account knows it. */
function typed(node: Pop3In, property: 'user' | 'password', value: unknown): true | string {
  return unless(seen(node, 'auth') !== 'password' || !!String(value).trim(), node._(`invalid.${property}`));
}

/** What the form shows, saved or not; a stored password is not in it. */
function draft(node: Pop3In): object {
  const properties: Record<string, unknown> = {
    allowPlaintext: $('#node-input-allowPlaintext').prop('checked') === true,
  };
  for (const name of [
    'auth',
    'account',
    'service',
    'host',
    'port',
    'security',
    'tls',
    'proxy',
    'mechanism',
  ]) {
    properties[name] = fieldValue(name);
  }
  // Node-RED shows a stored password as this word; typed in an earlier dialog and not yet deployed, it is here.
  const typed = String($('#node-input-password').val() ?? '');
  const password = typed === '__PWRD__' ? node.credentials?.password : typed;
  const known = password !== undefined && password !== '__PWRD__';
  const account = accountInEditor(fieldValue('account'));
  return {
    properties,
    credentials: { user: fieldValue('user'), ...(known && { password }) },
    ...(account && { account }),
  };
}

/** A node made before a property existed, or written by hand without it, runs with its default; so the form shows that. */
function fillDefaults(node: Pop3In): void {
  const { defaults } = node._def;
  for (const [name, { value }] of Object.entries(defaults)) {
    const field = $(`#node-input-${name}`);
    if (node[name] === undefined && value !== '' && typeof value !== 'boolean') field.val(String(value));
  }
}

/** What is under way while the dialog is open. */
let endings: (() => void)[] = [];
const end = (): void => {
  opened = undefined;
  rememberForm(undefined);
  for (const one of endings.splice(0)) one();
};

RED.nodes.registerType('pop3 in', {
  category: 'network',
  color: '#87c1bd',
  icon: 'redletter-in.svg',
  inputs: 0,
  outputs: 1,
  defaults: {
    name: { value: '' },
    service: { value: '' },
    host: {
      value: '',
      validate: validator(function (this: Pop3In, value: string) {
        const [auth, account] = [seen(this, 'auth'), seen(this, 'account')];
        const known = rowOf(auth, account, seen(this, 'service'))?.pop !== undefined;
        // Without an account there is nothing to say about its server yet.
        const asked = auth === 'password' || !!RED.nodes.node(account);
        return unless(known || !asked || !!value?.trim(), this._('invalid.host'));
      }),
    },
    port: {
      value: 995,
      validate: validator(function (this: Pop3In, value: unknown) {
        const port = Number(value);
        return unless(
          fromEnvironment(value) || (Number.isInteger(port) && port > 0 && port < 65536),
          this._('invalid.port'),
        );
      }),
    },
    security: { value: 'tls', required: true },
    tls: { value: '', type: 'tls-config', required: false },
    proxy: { value: '', type: 'http proxy', required: false },
    auth: {
      value: 'oauth2',
      required: true,
      // The editor judges a node by its properties alone, and has its credentials only once its dialog was opened.
      validate: validator(function (this: Pop3In) {
        const { credentials } = this;
        if (this.id === opened || credentials === undefined) return true;
        const user = typed(this, 'user', credentials.user ?? '');
        if (user !== true) return user;
        return credentials.has_password ? true : typed(this, 'password', credentials.password ?? '');
      }),
    },
    account: {
      value: '',
      type: 'oauth2-account',
      required: false,
      validate: validator(function (this: Pop3In, value: string) {
        const chosen = !!value && value !== '_ADD_';
        return unless(chosen || seen(this, 'auth') === 'password', this._('invalid.account'));
      }),
    },
    mechanism: { value: 'auto', required: true },
    allowPlaintext: { value: false },
    interval: {
      value: 300,
      validate: validator(function (this: Pop3In, value: unknown) {
        return unless(
          fromEnvironment(value) || (/^\d+(\.\d+)?$/.test(String(value)) && Number(value) <= 2_000_000),
          this._('invalid.interval'),
        );
      }),
    },
    inputs: { value: 0 },
    outputs: { value: 1 },
    first: {
      value: 'new',
      validate: validator(function (this: Pop3In, value: string) {
        return unless(
          ['new', 'all'].includes(value) || !Number.isNaN(Date.parse(value)),
          this._('invalid.first'),
        );
      }),
    },
    after: { value: 'keep', required: true },
    keepDays: { value: 30, validate: quantity('label.keepDays') },
    handled: { value: 'send', required: true },
    ackTimeout: { value: 600, validate: quantity('label.ackTimeout') },
    maxAttempts: { value: 5, validate: quantity('label.maxAttempts') },
    maxInFlight: { value: 10, validate: quantity('label.maxInFlight') },
    maxSize: { value: 25, validate: quantity('label.maxSize') },
    oversize: { value: 'headers', required: true },
    maxPerCheck: { value: 0, validate: quantity('label.maxPerCheck') },
    attachments: { value: 'buffer', required: true },
    directory: {
      value: '',
      validate: validator(function (this: Pop3In, value: string) {
        const parsed = ['parsed', 'both'].includes(seen(this, 'content'));
        const saved = parsed && seen(this, 'attachments') === 'file';
        return unless(!saved || !!value?.trim(), this._('invalid.directory'));
      }),
    },
    content: { value: 'parsed', required: true },
    summary: { value: false },
  },
  credentials: {
    user: {
      type: 'text',
      validate: validator(function (this: Pop3In, value: string) {
        return typed(this, 'user', value);
      }),
    },
    password: {
      type: 'password',
      validate: validator(function (this: Pop3In, value: string) {
        return typed(this, 'password', value);
      }),
    },
  },
  label: function (this: Pop3In) {
    return this.name || (RED.nodes.node(this.account) as { name?: string } | null)?.name || 'pop3 in';
  },
  labelStyle: function (this: Pop3In) {
    return this.name ? 'node_label_italic' : '';
  },
  outputLabels: function (this: Pop3In, index: number) {
    return this._(index === 0 ? 'output.mail' : 'output.summary');
  },
  onpaletteadd: () => {
    offerFromEmailNode();
    addHealthTab();
    translateStatuses();
  },
  onpaletteremove: () => {
    withdrawFromEmailNode();
    removeHealthTab();
    leaveStatuses();
  },
  oneditprepare: function (this: Pop3In) {
    fillDefaults(this);
    opened = this.id;
    rememberForm($('#node-input-user').closest('.redletter-form'));
    prepareForm();
    const auth = $('#node-input-auth');
    const service = $('#node-input-service');
    const mechanism = $('#node-input-mechanism');
    const first = $('#redletter-first');
    const date = $('#redletter-first-date');
    const input = $('#redletter-input');
    const summary = $('#node-input-summary');

    offer(service, [
      ...Object.values(providers)
        .filter((row) => row.pop !== undefined)
        .map((row) => ({ value: row.id, label: row.label })),
      { value: 'custom', label: this._('service.custom') },
    ]);
    service.val(this.service || 'custom');

    const isDate = !['new', 'all'].includes(this.first || 'new');
    first.val(isDate ? 'date' : this.first || 'new');
    if (isDate) date.val(this.first.slice(0, 10));
    const chooseFirst = (): void => {
      const chosen = String(first.val());
      date.toggle(chosen === 'date');
      $('#node-input-first').val(chosen === 'date' ? String(date.val() ?? '') : chosen);
    };
    first.on('change', chooseFirst);
    date.on('input change', chooseFirst);
    chooseFirst();

    input.prop('checked', Number($('#node-input-inputs').val()) > 0);
    input.on('change', () => $('#node-input-inputs').val(input.prop('checked') ? 1 : 0));
    const ports = (): void => {
      $('#node-input-outputs').val(summary.prop('checked') ? 2 : 1);
    };
    summary.on('change', ports);
    ports();

    const security = $('#node-input-security');
    security.on('change', () => {
      $('.redletter-plaintext').toggle(security.val() === 'none');
      // The two well-known ports follow the choice; one typed by hand stays.
      const port = $('#node-input-port');
      if (['995', '110', ''].includes(String(port.val()))) port.val(security.val() === 'tls' ? 995 : 110);
    });
    $('.redletter-plaintext').toggle(security.val() === 'none');

    const shownBy = (select: string, rows: string, values: string[]): void => {
      const choose = (): void => {
        $(rows).toggle(values.includes(String($(select).val())));
      };
      $(select).on('change', choose);
      choose();
    };
    shownBy('#node-input-after', '.redletter-expire', ['expire']);
    shownBy('#node-input-handled', '.redletter-ack', ['ack']);
    shownBy('#node-input-content', '.redletter-attachments', ['parsed', 'both']);
    shownBy('#node-input-attachments', '.redletter-directory', ['file']);

    const accountMissing = (): boolean =>
      fieldValue('auth') !== 'password' && !RED.nodes.node(fieldValue('account'));
    // Until there is an account, the address says whose server it is.
    const row = (): ReturnType<typeof rowOf> =>
      accountMissing()
        ? providerFor(fieldValue('user'))
        : rowOf(fieldValue('auth'), fieldValue('account'), fieldValue('service'));
    const hint = $('.redletter-hint');
    const show = (): void => {
      const password = auth.val() === 'password';
      const chosen = row();
      $('.redletter-oauth2').toggle(!password);
      $('.redletter-password').toggle(password);
      $('#node-input-user').attr(
        'placeholder',
        this._(password || accountMissing() ? 'placeholder.user' : 'placeholder.mailbox'),
      );
      const address = providerFor(fieldValue('user'));
      const said = hintFor(address?.signIn === 'none' ? address : (chosen ?? address), password);
      hint.empty();
      if (said !== undefined) {
        hint.append($('<span>').text(said.text));
        if (said.link !== undefined) {
          const { href, text } = said.link;
          hint.append(' ', $('<a target="_blank" rel="noopener noreferrer">').attr('href', href).text(text));
        }
      }
      // Gmail hides a mail once it was fetched, so there is nothing to delete later.
      $('#node-input-after option[value="expire"]').prop('disabled', chosen?.id === 'google');
      $('.redletter-recent').toggle(chosen?.id === 'google');
      // A known provider's server needs no typing.
      $('.redletter-host').toggle(chosen?.pop === undefined || !!$('#node-input-host').val());
      $('.redletter-finding').toggle(password && chosen?.pop === undefined);
      $('#node-input-host').attr('placeholder', chosen?.pop?.host ?? 'pop.example.com');
      const method = String(mechanism.val() ?? this.mechanism ?? 'auto');
      const names = MECHANISMS[String(auth.val())] ?? ['auto'];
      offer(
        mechanism,
        names.map((name) => ({ value: name, label: name === 'auto' ? this._('mechanism.auto') : name })),
      );
      mechanism.val(names.includes(method) ? method : 'auto');
    };
    mechanism.append($('<option>').val(this.mechanism || 'auto')).val(this.mechanism || 'auto');
    auth.on('change', show);
    service.on('change', show);
    $('#node-input-account').on('change', show);
    $('#node-input-user').on('change', show);
    show();

    // The editor reads it from the user name, which is all that Gmail looks at.
    const recent = $('#redletter-recent');
    const user = $('#node-input-user');
    recent.prop('checked', fieldValue('user').startsWith('recent:'));
    recent.on('change', () => {
      const name = fieldValue('user').replace(/^recent:/, '');
      const write = (address: string): void => {
        user.val(recent.prop('checked') && address !== '' ? `recent:${address}` : address).trigger('change');
      };
      if (name !== '' || !recent.prop('checked')) write(name);
      else {
        $.getJSON(`credentials/oauth2-account/${encodeURIComponent(fieldValue('account'))}`)
          .done((stored: { user?: string }) => write(stored.user ?? ''))
          .always(() => recent.prop('checked', fieldValue('user').startsWith('recent:')));
      }
    });

    const base = `redletter/pop3-in/${encodeURIComponent(this.id)}`;
    prepareAddress(base);
    stateSections(row);
    endings = [
      prepareTest({
        panel: $('.redletter-test-panel'),
        start: $('.redletter-test-start'),
        cancel: $('.redletter-test-cancel'),
        base,
        topic: `redletter/pop3-in/${this.id}`,
        body: () => draft(this),
        setup: () => ({
          auth: fieldValue('auth'),
          service: row()?.id ?? providerFor(fieldValue('user'))?.id ?? 'custom',
          user: fieldValue('user'),
        }),
        field: (property) => $(`#node-input-${property}`),
        use: ({ port, security: way }) => {
          security.val(way).trigger('change');
          $('#node-input-port').val(port).trigger('change');
        },
      }),
      preparePreview({
        panel: $('.redletter-preview-panel'),
        start: $('.redletter-preview-start'),
        base,
        body: () => draft(this),
      }),
    ];
  },
  oneditcancel: end,
  oneditdelete: end,
  oneditsave: function (this: Pop3In) {
    end();
    // With an account the service is the account's.
    if ($('#node-input-auth').val() !== 'password')
      $('#node-input-service').append($('<option>').val('')).val('');
  },
} as never);
