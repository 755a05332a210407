/** How the account's routes answer: with a body that settles, or with an error that says what a person can do. */
import type { Request, RequestHandler } from 'express';
import type { NodeAPI } from 'node-red';
import { translateBy } from '../node-red/lifecycle';
import { accountSentence } from '../node-red/messages';
import { cureOf, OAuth2Error } from '../oauth2';
import type { ErrorView } from './protocol';

export const CATALOGUE = '@redletter/node-red-pop3/oauth2-account';

export function answering(RED: NodeAPI, answer: (request: Request) => Promise<object>): RequestHandler {
  return (request, response) => {
    answer(request).then(
      (body) => response.json(body),
      (error: unknown) => {
        if (error instanceof OAuth2Error) {
          response.status(400).json(errorView(RED, error));
        } else {
          RED.log.error(`oauth2-account: ${error instanceof Error ? error.message : 'failed'}`);
          response.status(500).json({
            code: 'UNEXPECTED',
            message: RED._(`${CATALOGUE}:errors.unexpected`),
          });
        }
      },
    );
  };
}

/**
 * A sentence in this Node-RED's language, and what the dialog makes one of in the reader's.
 * @param where `running`: of the account as it is deployed, which retries by itself
 */
export function errorView(
  RED: NodeAPI,
  error: OAuth2Error,
  where: 'dialog' | 'running' = 'dialog',
): ErrorView {
  const { code, reason, facts, message } = error;
  const cure = cureOf(error);
  return {
    code,
    reason,
    facts: { ...facts },
    message: accountSentence(error, translateBy(RED), where) ?? message,
    ...(cure && { cure }),
  };
}
