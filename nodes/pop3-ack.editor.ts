import { prepareForm } from './editor/form/form';

interface Pop3Ack {
  name: string;
  outcome: string;
}

RED.nodes.registerType('pop3 ack', {
  category: 'network',
  color: '#87c1bd',
  icon: 'redletter-ack.svg',
  inputs: 1,
  outputs: 1,
  defaults: {
    name: { value: '' },
    outcome: { value: 'done', required: true },
  },
  label: function (this: Pop3Ack) {
    return this.name || (this.outcome === 'failed' ? 'pop3 ack: failed' : 'pop3 ack');
  },
  labelStyle: function (this: Pop3Ack) {
    return this.name ? 'node_label_italic' : '';
  },
  oneditprepare: () => prepareForm(),
} as never);
