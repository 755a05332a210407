import type { RequestHandler } from 'express';

/**
 * A page elsewhere must not start anything in the name of the user who has the editor open (S7): the browser says where a
 * request comes from, and JSON cannot be sent from a form.
 */
export const onlyFromTheEditor: RequestHandler = (request, response, next) => {
  const site = request.headers['sec-fetch-site'];
  if ((site !== undefined && site !== 'same-origin') || !request.is('application/json')) {
    response.status(403).json({ error: 'forbidden' });
    return;
  }
  response.setHeader('cache-control', 'no-store');
  next();
};
