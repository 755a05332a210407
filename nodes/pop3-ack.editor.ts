import { importExample } from './editor/import-example';
import './editor/form/form.css';
import { LABELS, makeFindable } from './editor/palette';
import { ACK_DEFAULTS } from './node-red/data/defaults';

interface Pop3Ack {
  name: string;
  outcome: string;
}

RED.nodes.registerType<Pop3Ack>('pop3 ack', {
  category: 'network',
  color: '#87c1bd',
  paletteLabel: LABELS['pop3 ack'],
  icon: 'redletter-ack.svg',
  inputs: 1,
  outputs: 1,
  defaults: {
    name: { value: ACK_DEFAULTS.name },
    outcome: { value: ACK_DEFAULTS.outcome, required: true },
  },
  label: function () {
    return this.name || (this.outcome === 'failed' ? `${LABELS['pop3 ack']}: failed` : LABELS['pop3 ack']);
  },
  labelStyle: function () {
    return this.name ? 'node_label_italic' : '';
  },
  onpaletteadd: () => makeFindable('pop3 ack'),
  oneditprepare: () => {
    $('.redletter-ack-example').on('click', importExample);
  },
});
