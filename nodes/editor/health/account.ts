/** One account in the sidebar. */

import type { AccountReport } from '../../admin/protocol';
import { sentenceOf, word } from '../i18n';
import { SignedInPanel } from '../sign-in/signed-in';
import { button, type Card, nameOf, part, statusPart, warning } from './card';

/** As the status under a node: red is for a person to do something about. */
const FILL: Record<string, string> = {
  'signed-in': 'green',
  waiting: 'yellow',
  refused: 'red',
  'sign-in-again': 'red',
};

export function accountCard(): Card<AccountReport> {
  let node = '';
  // What there is to see of an account, and to do about it, is in its dialog.
  const open = (): void => RED.editor.editConfig('', 'oauth2-account', node, '');
  const name = button('redletter-link').on('click', open);
  const status = statusPart();
  const panel = new SignedInPanel();
  const error = part($('<div class="redletter-error">'), (told: AccountReport['error'] | null) =>
    told ? [warning(), ' ', sentenceOf(told, 'running') ?? ''] : [],
  );
  return {
    element: $('<li class="redletter-card">').append(
      $('<div class="redletter-head">').append($('<h4>').append(name)),
      status.element,
      error.element,
      panel.element,
    ),
    show: (report, skew) => {
      node = report.node;
      const label = nameOf(report);
      name.text(label);
      const fill = FILL[report.state] ?? 'grey';
      const text = word(`health.state.${report.state}`);
      status.show({ fill, shape: fill === 'green' ? 'dot' : 'ring', text });
      // No one is signed in: the state says so already.
      error.show(report.error && report.state !== 'signed-out' ? report.error : null);
      const { label: who, ...rest } = report;
      panel.show(who === undefined || who === label ? rest : report, skew);
    },
  };
}
