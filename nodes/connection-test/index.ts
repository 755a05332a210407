/**
 * Walks the way to a mailbox once, step by step, and says how each went: for a person who wants to know why no mail
 * comes. Nothing is fetched, deleted or remembered.
 */
export type { TestLogin, TestOptions } from './options';
export type { Facts, Failure, Report, Step, StepFacts, StepName, StepState } from './report';
export { testConnection } from './walk';
