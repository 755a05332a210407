/** The two pages of the sign-in's window. It has no bearer token, and is known by ticket, state and cookie. */
import type { Response } from 'express';
import type { NodeAPI } from 'node-red';
import type { AuthorizationCodeSignIn, HttpReply, PageTexts } from '../oauth2';
import { CATALOGUE } from './account-answers';

export function serveWindow(RED: NodeAPI, base: string, byCode: AuthorizationCodeSignIn): void {
  RED.httpAdmin.get(`${base}/begin`, ({ query }, response) => {
    send(response, byCode.begin({ ticket: query.ticket }));
  });
  RED.httpAdmin.get(`${base}/callback`, ({ query, headers }, response) => {
    send(response, byCode.callback({ query, cookies: headers.cookie }));
  });
}

/** The dialog sends its own words, so that the window speaks the reader's language and not the server's. */
export function pageTexts(RED: NodeAPI, given: unknown): PageTexts {
  const words = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>;
  const text = (name: string): string => {
    const value = words[name];
    return typeof value === 'string' && value !== '' && value.length < 400
      ? value
      : RED._(`${CATALOGUE}:page.${name}`);
  };
  const lang = typeof words.lang === 'string' && /^[\w-]{2,12}$/.test(words.lang) ? words.lang : 'en-US';
  return {
    lang,
    title: text('title'),
    done: text('done'),
    failed: text('failed'),
    unknown: text('unknown'),
    paste: text('paste'),
  };
}

function send(response: Response, reply: Promise<HttpReply>): void {
  reply
    .then(({ status, headers, body }) => response.status(status).set(headers).send(body))
    .catch(() => response.status(500).end());
}
