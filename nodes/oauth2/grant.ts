/** Plain types that a browser can load too. */

/** How the first tokens are come by. */
export type Grant =
  | 'authorization_code'
  | 'device_code'
  | 'client_credentials'
  | 'service_account'
  | 'refresh_token';

/** How the application proves itself at the token endpoint; without a secret it sends its id alone. */
export type ClientAuth = 'body' | 'header' | 'private_key_jwt';
