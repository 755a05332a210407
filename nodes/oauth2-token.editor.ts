import './editor/form/form.css';
import { fromEnvironment, unless, validator } from './editor/form/form';
import { enableKeyboard } from './editor/form/keyboard';
import { LABELS, makeFindable } from './editor/palette';
import { TOKEN_DEFAULTS } from './node-red/data/defaults';

interface OAuth2Token {
  name: string;
  _(key: string): string;
}

RED.nodes.registerType<OAuth2Token>('oauth2 token', {
  category: 'network',
  color: '#87c1bd',
  paletteLabel: LABELS['oauth2 token'],
  icon: 'redletter-token.svg',
  inputs: 1,
  outputs: 1,
  defaults: {
    name: { value: TOKEN_DEFAULTS.name },
    account: { value: TOKEN_DEFAULTS.account, type: 'oauth2-account', required: true },
    property: {
      value: TOKEN_DEFAULTS.property,
      validate: validator(function (this: OAuth2Token, value: unknown) {
        const fits = !value || fromEnvironment(value) || RED.utils.validatePropertyExpression(String(value));
        return unless(fits === true, this._('invalid.property'));
      }),
    },
  },
  label: function () {
    return this.name || LABELS['oauth2 token'];
  },
  labelStyle: function () {
    return this.name ? 'node_label_italic' : '';
  },
  onpaletteadd: () => makeFindable('oauth2 token'),
  oneditprepare: function () {
    enableKeyboard();
    $('#node-input-property').typedInput({ default: 'msg', types: ['msg'] });
    // The widget puts a field of its own in the place of the labelled one.
    $('#node-input-property')
      .next('.red-ui-typedInput-container')
      .find('.red-ui-typedInput-input')
      .attr('aria-label', this._('label.property'));
  },
});
