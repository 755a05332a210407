/** Which fields of the account's dialog the chosen provider and the chosen grant need. */
import { type Provider, providers } from '../../oauth2/providers';
import { accountWord } from '../i18n';
import { accountField, accountValue, needsPerson } from './account-form';
import { hintOf } from './hint';
import { showSetup } from './setup';

export function showAccountFields(): void {
  const row = providers[accountValue('provider')];
  const grant = accountValue('grant');
  const custom = row?.id === 'custom';
  const byHand = custom && accountValue('issuer') === '';
  const oauth2 = row?.signIn === 'oauth2';
  // At Google a service account's key is all there is.
  const client = oauth2 && (grant !== 'service_account' || custom);
  const secret = client && row.clientSecret !== 'none';
  const byKey = secret && accountValue('clientAuth') === 'private_key_jwt';

  $('.redletter-oauth2').toggle(oauth2);
  $('.redletter-custom').toggle(custom);
  $('.redletter-by-hand').toggle(byHand);
  $('.redletter-authorization-url').toggle(byHand && grant === 'authorization_code');
  $('.redletter-device-url').toggle(byHand && grant === 'device_code');
  $('.redletter-microsoft').toggle(row?.tenant !== undefined);
  $('.redletter-client-id').toggle(oauth2);
  $('.redletter-client-secret').toggle(secret && !byKey);
  $('.redletter-private-key').toggle(byKey || (oauth2 && grant === 'service_account'));
  $('.redletter-refresh-token').toggle(grant === 'refresh_token');
  $('.redletter-redirect-row, .redletter-redirect-uri').toggle(oauth2 && grant === 'authorization_code');
  // An application that acts by itself is known by a secret or by a key: that is no detail then.
  const auth = $('.redletter-client-auth').toggle(secret);
  if (grant === 'client_credentials') auth.insertBefore('.redletter-client-secret');
  else auth.prependTo('.redletter-more-fields');

  // With a provider of the user's own only the user knows the scope.
  const scopeRows = accountField('scope').closest('.form-row').add('.redletter-scopes');
  if (custom) scopeRows.insertAfter(accountField('issuer').closest('.form-row'));
  else scopeRows.prependTo('.redletter-more-fields');

  showRegistration(row, grant);
  showPlaceholders(row, grant, { client, mayRegister: custom && needsPerson() && !byHand });
  showHint(row);
}

function showRegistration(row: Provider | undefined, grant: string): void {
  const guided = showSetup(row, grant);
  $('.redletter-register-text')
    .toggle(!guided)
    .text(accountWord(`register.${grant}`));
  // The steps say it already.
  $('.redletter-hint-text').toggle(!guided);
  $('.redletter-register-link')
    .toggle(row?.links.register !== undefined)
    .attr('href', row?.links.register ?? '#')
    .text(`${row?.label ?? ''} `)
    .append('<i class="fa fa-external-link" aria-hidden="true">');
}

function showPlaceholders(
  row: Provider | undefined,
  grant: string,
  { client, mayRegister }: { client: boolean; mayRegister: boolean },
): void {
  // What an empty field shows is what is sent.
  const scope = (grant === 'client_credentials' && row?.applicationScope) || row?.scope;
  accountField('scope').attr('placeholder', scope || accountWord('placeholder.scope'));
  accountField('tenant').attr('placeholder', needsPerson() ? 'common' : 'contoso.onmicrosoft.com');
  const clientId = client ? (mayRegister ? 'placeholder.mayRegister' : '') : 'placeholder.fromJson';
  accountField('clientId').attr('placeholder', clientId && accountWord(clientId));
  const required = row?.clientSecret === 'required' || grant === 'client_credentials';
  accountField('clientSecret').attr(
    'placeholder',
    accountWord(required ? 'placeholder.secretRequired' : 'placeholder.secretOptional'),
  );
}

/** What has to be enabled with this provider, or what works there instead of OAuth. */
function showHint(row: Provider | undefined): void {
  if (row === undefined) return;
  $('.redletter-hint-text').text(
    accountWord(`hint.${hintOf(row)}`, { provider: row.label, host: row.pop?.host ?? '' }),
  );
  const links = $('.redletter-hint-links').empty();
  const offered = {
    ...(row.links.pop && { pop: row.links.pop }),
    ...(row.signIn !== 'oauth2' && row.links.register && { register: row.links.register }),
    ...(row.links.help && { help: row.links.help }),
  };
  for (const [name, href] of Object.entries(offered)) {
    links.append(
      $('<a target="_blank" rel="noopener noreferrer">')
        .attr('href', href)
        .text(accountWord(`link.${name}`)),
      ' ',
    );
  }
}
