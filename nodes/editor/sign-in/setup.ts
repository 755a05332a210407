/** What a person does once at the provider, in three steps, and the guide that tells more. */
import type { Provider } from '../../oauth2/providers';
import { redirectUri } from '../form/surroundings';
import { openGuide } from '../guide';
import { accountWord } from '../i18n';

/** The kinds of an application, as the provider's own pages call them. */
const TYPES: Record<string, { https: string; loopback: string }> = {
  google: { https: 'Web application', loopback: 'Desktop app' },
  microsoft: { https: 'Web', loopback: 'Mobile and desktop applications' },
};

/** The guide for a provider, as its file is called. */
function guideFor({ id, signIn }: Provider): string {
  if (id === 'google' || id === 'fastmail') return id;
  if (id.startsWith('microsoft')) return 'microsoft-365';
  return signIn === 'app-password' ? 'app-passwords' : 'own-server';
}

/** Shows the steps where they are known. @returns whether they are shown */
export function showSetup(row: Provider | undefined, grant: string): boolean {
  const steps = $('.redletter-setup').empty();
  const types = TYPES[row?.id ?? ''];
  const known = row !== undefined && types !== undefined && grant === 'authorization_code';
  $('.redletter-guide')
    .toggle(row !== undefined)
    .off('click')
    .on('click', () => row && openGuide(guideFor(row)));
  steps.toggle(known);
  if (!known) return false;
  const isGoogle = row.id === 'google';
  const loopback = !redirectUri().startsWith('https:');
  const needsRedirect = !(isGoogle && loopback);
  // An address to copy that is to be registered nowhere would only confuse.
  if (!needsRedirect) $('.redletter-redirect-row').hide();
  const register = !needsRedirect
    ? accountWord('setup.desktop')
    : accountWord('setup.register', { type: loopback ? types.loopback : types.https });
  const texts = [
    register,
    accountWord(`hint.${row.id}`),
    accountWord(isGoogle ? 'setup.signInGoogle' : 'setup.signIn'),
  ];
  for (const text of texts) $('<li>').text(text).appendTo(steps);
  return true;
}
