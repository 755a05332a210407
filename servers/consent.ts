/**
 * What a person with a browser does at a sign-in server, done with fetch: follow the redirects, fill in the
 * login page, press Continue on the consent page, come back.
 */

/** The cookies of one browser. They belong to a host and a path; ports share them (RFC 6265 section 8.5). */
export class CookieJar {
  #cookies = new Map<string, { host: string; path: string; name: string; value: string }>();

  header(url: URL): string {
    return [...this.#cookies.values()]
      .filter(({ host, path }) => host === url.hostname && pathMatches(url.pathname, path))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
  }

  store(url: URL, lines: string[]): void {
    for (const line of lines) {
      const [pair = '', ...attributes] = line.split(/;\s*/);
      const [name = '', value = ''] = split(pair);
      const attribute = new Map(attributes.map((text) => [split(text)[0]?.toLowerCase(), split(text)[1]]));
      const given = attribute.get('path');
      const path = given?.startsWith('/') ? given : url.pathname.replace(/\/[^/]*$/, '') || '/';
      const key = `${url.hostname} ${path} ${name}`;
      const expired =
        Number(attribute.get('max-age') ?? 1) <= 0 ||
        Date.parse(attribute.get('expires') ?? '9999-12-31') <= Date.now();
      if (expired) this.#cookies.delete(key);
      else this.#cookies.set(key, { host: url.hostname, path, name, value });
    }
  }
}

export interface ConsentOptions {
  /** The user name typed into the login page: the mail address. */
  login: string;
  /** Default: something, since the sign-in server here takes any. */
  password?: string;
  /** Default `allow`; `deny` follows the page's Cancel link. */
  answer?: 'allow' | 'deny';
  /** The browser it happens in. Default: a fresh one. */
  jar?: CookieJar;
}

export interface Consent {
  /** Where the sign-in server sent the browser in the end: the redirect URI with `code` or `error`. */
  redirect: URL;
  /**
   * What stood there. Only visited when the browser came from there (a sign-in that began at the callback's
   * own origin); absent when it began at the authorization endpoint, where no callback need exist.
   */
  page?: { status: number; html: string; headers: Headers };
}

/**
 * Signs in and consents. `url` is an authorization request, or any address that redirects to one, such as the
 * `begin` route of a Node-RED. Throws when a page comes up that is neither a redirect nor a form it knows.
 */
export async function consent(url: string | URL, options: ConsentOptions): Promise<Consent> {
  const jar = options.jar ?? new CookieJar();
  const start = new URL(url);
  let at = start;
  let form: URLSearchParams | undefined;
  /** The sign-in server's origin, known once it has shown a page of its own. */
  let server: string | undefined;

  for (let step = 0; step < 30; step += 1) {
    const response = await visit(jar, at, form);
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location) {
      const next = new URL(location, at);
      // A redirect URI says who sent it there: `code` or `error` beside the `state` (RFC 6749 section 4.1.2).
      const back = next.searchParams.has('code') || next.searchParams.has('error');
      if (next.origin !== (server ?? at.origin) && back) {
        if (next.origin !== start.origin) return { redirect: next };
        const page = await visit(jar, next);
        return {
          redirect: next,
          page: { status: page.status, html: await page.text(), headers: page.headers },
        };
      }
      at = next;
      form = undefined;
      continue;
    }
    const html = await response.text();
    const action = /<form[^>]*action="([^"]+)"/.exec(html)?.[1];
    if (response.status !== 200 || !action) {
      throw new Error(`No form at ${at.origin}${at.pathname}: status ${response.status}`);
    }
    server = at.origin;
    if (options.answer === 'deny') {
      const cancel = /<a href="([^"]+\/abort)"/.exec(html)?.[1];
      if (!cancel) throw new Error(`No way to cancel at ${at.origin}${at.pathname}`);
      at = new URL(unescapeHtml(cancel), at);
      form = undefined;
      continue;
    }
    form = new URLSearchParams();
    for (const [, name = '', value = ''] of html.matchAll(
      /<input type="hidden" name="([^"]+)" value="([^"]*)"/g,
    )) {
      form.set(name, unescapeHtml(value));
    }
    if (html.includes('name="login"')) {
      form.set('login', options.login);
      form.set('password', options.password ?? 'any will do');
    }
    at = new URL(unescapeHtml(action), at);
  }
  throw new Error(`Still not signed in after 30 pages, at ${at.origin}${at.pathname}`);
}

async function visit(jar: CookieJar, url: URL, form?: URLSearchParams): Promise<Response> {
  const cookie = jar.header(url);
  const response = await fetch(url, {
    redirect: 'manual',
    headers: cookie ? { cookie } : {},
    ...(form ? { method: 'POST', body: form } : {}),
  });
  jar.store(url, response.headers.getSetCookie());
  return response;
}

function split(pair: string): string[] {
  const at = pair.indexOf('=');
  return at < 0 ? [pair] : [pair.slice(0, at), pair.slice(at + 1)];
}

function pathMatches(path: string, cookiePath: string): boolean {
  return path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`);
}

function unescapeHtml(html: string): string {
  return html
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
