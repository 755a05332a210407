/** The mail address chooses what belongs to it; a domain nobody here knows is asked, on a click. */
import { type Provider, providerFor, providers } from '../../oauth2/providers';
import { sentenceOf, type Told, word } from '../i18n';
import { domainOfAddress } from './form';

interface Found {
  host: string;
  port: number;
  security: 'tls' | 'starttls';
  localPart?: true;
  oauth2?: true;
  by: 'autoconfig' | 'srv';
}

const value = (property: string): string => String($(`#node-input-${property}`).val() ?? '').trim();
const choose = (property: string, chosen: string | number): void => {
  $(`#node-input-${property}`).val(String(chosen)).trigger('change');
};

/** Accounts in this editor, deployed or not, of a provider. */
function accountsOf(provider: string): string[] {
  const ids: string[] = [];
  RED.nodes.eachConfig((node) => {
    const { type, id, provider: its } = node as unknown as { type: string; id: string; provider?: string };
    if (type === 'oauth2-account' && its === provider) ids.push(id);
    return true;
  });
  return ids;
}

export function prepareAddress(base: string): void {
  const user = $('#node-input-user');
  const said = $('.redletter-find-said');
  let chosenFor = providerFor(value('user'))?.id;

  user.on('change', () => {
    const row = providerFor(value('user'));
    // What was chosen by hand since then stays.
    if (row?.id === chosenFor || domainOfAddress(value('user')) === '') return;
    if (row !== undefined) take(row);
    else if (value('service') === chosenFor) choose('service', 'custom');
    chosenFor = row?.id;
  });

  $('.redletter-find').on('click', () => {
    const address = value('user');
    const domain = domainOfAddress(address);
    said.text(word('find.looking', { domain })).attr('data-state', 'running');
    $.ajax({
      url: `${base}/find`,
      type: 'POST',
      contentType: 'application/json',
      data: JSON.stringify({ address }),
    })
      .done(({ found }: { found: Found | null }) => {
        if (found === null) {
          said.text(word('find.nothing', { domain })).attr('data-state', 'failed');
          return;
        }
        const facts = { domain, host: found.host, port: found.port };
        const known = Object.values(providers).find(({ pop }) => pop?.host === found.host);
        choose('security', found.security);
        if (known !== undefined) choose('service', known.id);
        $('#node-input-host').val(found.host);
        choose('port', found.port);
        const lines = [word(found.by === 'srv' ? 'find.srv' : 'find.autoconfig', facts)];
        if (found.localPart) {
          lines.push(word('find.localPart'));
          user.val(address.split('@')[0] ?? address);
        }
        if (found.oauth2) lines.push(word('find.oauth2'));
        said.text(lines.join(' ')).attr('data-state', 'ok');
      })
      .fail((answer: JQuery.jqXHR) => {
        const told = answer.responseJSON as Told | undefined;
        said.text((told && sentenceOf(told)) ?? word('find.failed')).attr('data-state', 'failed');
      });
  });
}

/** Fills in server, port, encryption and kind of sign-in; the row itself knows the server's name. */
function take(row: Provider): void {
  if (row.pop !== undefined) {
    $('#node-input-host').val('');
    choose('security', row.pop.security);
    choose('port', row.pop.port);
  }
  // With OAuth too: whoever turns to an app password finds it chosen.
  choose('service', row.pop === undefined ? 'custom' : row.id);
  if (row.signIn === 'oauth2') {
    choose('auth', 'oauth2');
    const [only, ...more] = accountsOf(row.id);
    const chosen = RED.nodes.node(value('account')) as { provider?: string } | null;
    if (only !== undefined && more.length === 0 && chosen?.provider !== row.id) choose('account', only);
    return;
  }
  choose('auth', 'password');
}
