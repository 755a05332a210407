/** The redirect URI to register with the provider, and in what way a sign-in works from where this editor is. */
import { copyText } from '../form/form';
import { redirectUri, wayHere } from '../form/surroundings';
import { accountWord } from '../i18n';
import { accountField, accountValue } from './account-form';
import { showAccountFields } from './fields';

export class RedirectAddress {
  constructor() {
    const copy = $('.redletter-copy');
    copy.on('click', () => copyText(redirectUri(), copy));
    accountField('redirectUri').on('input', () => {
      this.show();
      // The type of application to register follows from it.
      showAccountFields();
    });
    this.show();
  }

  show(): void {
    $('.redletter-redirect').text(redirectUri());
    accountField('redirectUri').attr('placeholder', redirectUri());
    const way = wayHere(accountValue('grant'));
    $('.redletter-way').text(accountWord(`way.${way}`));
  }
}
