export { type AccountConfig, bindingOf, type ClientAuth, type Grant } from './config';
export { Consent, type ConsentOptions, type StartedSignIn, type StartRequest } from './consent';
export { DeviceSignIn, type DeviceSignInOptions, type StartedDeviceSignIn } from './device';
export { type Endpoints, providerOf, resolveEndpoints, scopeOf } from './endpoints';
export { OAuth2Error, type OAuth2ErrorCode, type OAuth2Facts, type OAuth2Reason } from './errors';
export type { AgentFor } from './http';
export type { HttpReply, PageTexts } from './pages';
export { type PopServer, type Provider, providers } from './providers';
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
export type { SignedIn, SignInOutcome, SignInQuestion, SignInRequest } from './sign-ins';
export {
  type RevocationResult,
  type TokenQuestion,
  TokenSource,
  type TokenSourceOptions,
} from './token-source';
export type { TokenState } from './token-state';
export type { TokenStore, Tokens } from './tokens';
