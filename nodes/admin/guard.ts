import type { Request, RequestHandler } from 'express';

/** Nothing is sent on, and nothing tells why. */
const refuse = { error: 'forbidden' };

/**
 * A page elsewhere must not start anything in the name of the user who has the editor open (S7): the browser says where a
 * request comes from, and JSON cannot be sent from a form.
 */
export const onlyFromTheEditor: RequestHandler = (request, response, next) => {
  if (isForeign(request) || !request.is('application/json')) {
    response.status(403).json(refuse);
    return;
  }
  response.setHeader('cache-control', 'no-store');
  next();
};

/** Nor may it read anything, which it could where Node-RED has no login and allows other origins (CORS). */
export const onlyForTheEditor: RequestHandler = (request, response, next) => {
  if (isForeign(request)) {
    response.status(403).json(refuse);
    return;
  }
  response.setHeader('cache-control', 'no-store');
  next();
};

/**
 * Whether a page of another origin sends this. Over plain HTTP browsers leave out `Sec-Fetch-Site`, but name the origin
 * where it is another one, and in every POST (Fetch Standard, section 3.2).
 */
function isForeign({ headers }: Request): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin';
  const { origin, host = '' } = headers;
  if (origin === undefined) return false;
  if (!URL.canParse(origin)) return true;
  const from = new URL(origin);
  const own = `${from.protocol}//${host}`;
  return !URL.canParse(own) || new URL(own).host !== from.host;
}
