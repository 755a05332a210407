export {
  type AuthorizationCodeOptions,
  AuthorizationCodeSignIn,
  type StartedSignIn,
  type StartRequest,
} from './authorization-code';
export { type AccountConfig, bindingOf, type ClientAuth, type Grant } from './config';
export { type Cure, cureOf } from './cures';
export { type DeviceCodeOptions, DeviceCodeSignIn, type StartedDeviceCode } from './device-code';
export { type Endpoints, offeredScopes, providerOf, resolveEndpoints, scopeOf } from './endpoints';
export { OAuth2Error, type OAuth2ErrorCode, type OAuth2Facts, type OAuth2Reason } from './errors';
export { type AgentFor, exchange } from './http';
export type { HttpReply, PageTexts } from './pages';
export { type PopServer, type Provider, providerFor, providers } from './providers';
export { CALLBACK_PATH, checkRedirectUri } from './redirect-uri';
export { registerClient } from './registration';
export { keepsTokens } from './renewal';
export {
  MemorySignInStore,
  type PendingAnswer,
  type SignInEnd,
  type SignInStore,
  type StoredSignIn,
} from './sign-in-store';
export {
  type SignedIn,
  type SignInOutcome,
  type SignInQuestion,
  type SignInRequest,
  SignIns,
  type SignInsOptions,
} from './sign-ins';
export {
  type RevocationResult,
  type TokenQuestion,
  TokenSource,
  type TokenSourceOptions,
} from './token-source';
export type { TokenState } from './token-state';
export type { TokenStore, Tokens } from './tokens';
