import './editor/form/form.css';
import './editor/health/health.css';
import './editor/sign-in/signed-in.css';
import { addCheckAction, checkNow, removeCheckAction } from './editor/check-now';
import { unwatchWires, watchWires } from './editor/form/acknowledgement';
import { offerFromEmailNode, withdrawFromEmailNode } from './editor/form/from-email-node';
import { MailboxForm } from './editor/form/mailbox-form';
import { goToWantedField, type MailboxNode } from './editor/form/mailbox-node';
import { mailboxCredentials, mailboxProperties } from './editor/form/mailbox-properties';
import { addHealthTab, removeHealthTab } from './editor/health/sidebar';
import { leaveStatuses, translateStatuses } from './editor/health/status';
import { explainStatuses, leaveStatusDetails } from './editor/health/status-details';
import { word } from './editor/i18n';
import { LABELS, makeFindable } from './editor/palette';
import { leaveSentences, showWholeSentences } from './editor/whole-sentences';

let form: MailboxForm | undefined;

RED.nodes.registerType<MailboxNode>('pop3 in', {
  category: 'network',
  color: '#87c1bd',
  paletteLabel: LABELS['pop3 in'],
  icon: 'redletter-in.svg',
  inputs: 0,
  outputs: 1,
  // Written out: Node-RED's catalog reads the names from the text, without running it.
  defaults: {
    name: mailboxProperties.name,
    service: mailboxProperties.service,
    host: mailboxProperties.host,
    port: mailboxProperties.port,
    security: mailboxProperties.security,
    tls: mailboxProperties.tls,
    proxy: mailboxProperties.proxy,
    auth: mailboxProperties.auth,
    account: mailboxProperties.account,
    mechanism: mailboxProperties.mechanism,
    allowPlaintext: mailboxProperties.allowPlaintext,
    interval: mailboxProperties.interval,
    inputs: mailboxProperties.inputs,
    outputs: mailboxProperties.outputs,
    first: mailboxProperties.first,
    after: mailboxProperties.after,
    keepDays: mailboxProperties.keepDays,
    handled: mailboxProperties.handled,
    ackTimeout: mailboxProperties.ackTimeout,
    maxAttempts: mailboxProperties.maxAttempts,
    maxInFlight: mailboxProperties.maxInFlight,
    maxSize: mailboxProperties.maxSize,
    oversize: mailboxProperties.oversize,
    maxPerCheck: mailboxProperties.maxPerCheck,
    attachments: mailboxProperties.attachments,
    directory: mailboxProperties.directory,
    fileMode: mailboxProperties.fileMode,
    content: mailboxProperties.content,
    trustedServer: mailboxProperties.trustedServer,
    reply: mailboxProperties.reply,
    summary: mailboxProperties.summary,
    connectTimeout: mailboxProperties.connectTimeout,
    replyTimeout: mailboxProperties.replyTimeout,
  },
  credentials: {
    user: mailboxCredentials.user,
    password: mailboxCredentials.password,
  },
  label: function () {
    return this.name || RED.nodes.node(this.account)?.name || LABELS['pop3 in'];
  },
  labelStyle: function () {
    return this.name ? 'node_label_italic' : '';
  },
  outputLabels: (index: number) => word(index === 0 ? 'output.mail' : 'output.summary'),
  button: {
    enabled: function () {
      return !this.changed && !this.d;
    },
    onclick: function () {
      checkNow(this);
    },
  },
  onpaletteadd: () => {
    makeFindable('pop3 in');
    addCheckAction();
    watchWires();
    offerFromEmailNode();
    addHealthTab();
    translateStatuses();
    explainStatuses();
    showWholeSentences();
  },
  onpaletteremove: () => {
    removeCheckAction();
    unwatchWires();
    withdrawFromEmailNode();
    removeHealthTab();
    leaveStatuses();
    leaveStatusDetails();
    leaveSentences();
  },
  oneditprepare: function () {
    form = new MailboxForm(this);
    goToWantedField();
  },
  oneditsave: () => form?.save(),
  oneditcancel: () => form?.close(),
  oneditdelete: () => form?.close(),
});
