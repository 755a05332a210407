import './editor/form/form.css';
import './editor/health/health.css';
import './editor/sign-in/signed-in.css';
import { offerFromEmailNode, withdrawFromEmailNode } from './editor/form/from-email-node';
import { MailboxForm } from './editor/form/mailbox-form';
import type { MailboxNode } from './editor/form/mailbox-node';
import { mailboxCredentials, mailboxProperties } from './editor/form/mailbox-properties';
import { addHealthTab, removeHealthTab } from './editor/health/sidebar';
import { leaveStatuses, translateStatuses } from './editor/health/status';
import { word } from './editor/i18n';

let form: MailboxForm | undefined;

RED.nodes.registerType<MailboxNode>('pop3 in', {
  category: 'network',
  color: '#87c1bd',
  icon: 'redletter-in.svg',
  inputs: 0,
  outputs: 1,
  defaults: mailboxProperties,
  credentials: mailboxCredentials,
  label: function () {
    return this.name || RED.nodes.node(this.account)?.name || 'pop3 in';
  },
  labelStyle: function () {
    return this.name ? 'node_label_italic' : '';
  },
  outputLabels: (index: number) => word(index === 0 ? 'output.mail' : 'output.summary'),
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
  oneditprepare: function () {
    form = new MailboxForm(this);
  },
  oneditsave: () => form?.save(),
  oneditcancel: () => form?.close(),
  oneditdelete: () => form?.close(),
});
