/** Who can change what the provider refused, and on which of its pages. */
import type { OAuth2Error, OAuth2Reason } from './errors';
import { providers } from './providers';

/** The person at the dialog, the organization's administrator, or the owner of its registration. */
export type Helper = 'you' | 'administrator' | 'owner';

export interface Cure {
  who: Helper;
  /** A page of the provider. */
  link?: string;
}

/** Every reason of `refusals`, but for the temporary ones, which end without an act, and the server's own words. */
const HELPERS: Partial<Record<OAuth2Reason, Helper>> = {
  // the registration of the application
  'client-assertion-refused': 'owner',
  'client-disabled': 'owner',
  'client-id-refused': 'owner',
  'client-is-public': 'owner',
  'client-not-allowed': 'owner',
  'client-not-for-consumers': 'owner',
  'client-not-in-tenant': 'owner',
  'client-not-public': 'owner',
  'client-refused': 'owner',
  'client-unknown': 'owner',
  'google-org-internal': 'owner',
  'grant-unsupported': 'owner',
  'permission-missing': 'owner',
  'redirect-uri-mismatch': 'owner',
  'scope-refused': 'owner',
  'secret-expired': 'owner',
  'secret-missing': 'owner',
  'secret-not-allowed': 'owner',
  'secret-wrong': 'owner',
  'service-account-key-refused': 'owner',
  'service-account-unknown': 'owner',
  'single-page-app': 'owner',
  // the organization
  'admin-consent-needed': 'administrator',
  'app-blocked': 'administrator',
  'app-denied': 'administrator',
  'delegation-missing': 'administrator',
  'device-disabled': 'administrator',
  'device-unknown': 'administrator',
  'enterprise-application-missing': 'administrator',
  'google-admin-policy': 'administrator',
  'policy-blocked': 'administrator',
  'service-not-enabled': 'administrator',
  'user-disabled': 'administrator',
  'user-not-assigned': 'administrator',
  // the account, or the person's own sign-in
  'account-kind': 'you',
  'clock-wrong': 'you',
  'cloud-mismatch': 'you',
  'code-used-or-expired': 'you',
  'consent-needed': 'you',
  'embedded-browser': 'you',
  'google-reauthentication': 'you',
  'password-changed': 'you',
  'person-needed': 'you',
  'refresh-token-other-client': 'you',
  'refresh-token-refused': 'you',
  'scope-two-resources': 'you',
  'sign-in-expired': 'you',
  'sign-in-revoked': 'you',
  'tenant-consumers': 'you',
  'tenant-mismatch': 'you',
  'tenant-needed': 'you',
  'tenant-not-consumers': 'you',
  'tenant-single': 'you',
  'tenant-unknown': 'you',
  'user-not-in-tenant': 'you',
  'user-unknown': 'you',
  declined: 'you',
};

/**
 * Microsoft's own page about a number: learn.microsoft.com/entra/identity-platform/reference-error-codes, November 2026,
 * not verified by a visit.
 */
const MICROSOFT_ERROR = 'https://login.microsoftonline.com/error?code=';

/** Undefined where it was no refusal, or where waiting is all there is to do. */
export function cureOf({ reason, facts }: Pick<OAuth2Error, 'reason' | 'facts'>): Cure | undefined {
  const who = HELPERS[reason];
  if (who === undefined) return undefined;
  const { register, admin } = providers[facts.provider ?? '']?.links ?? {};
  const number = facts.aadsts === undefined ? undefined : `${MICROSOFT_ERROR}${facts.aadsts}`;
  const link = { owner: register, administrator: admin, you: undefined }[who] ?? number;
  return { who, ...(link && { link }) };
}
