/**
 * Asks the sign-in server about a token, as a mail server does (RFC 7662).
 * @param url with name and password in it, as {@link startProvider} gives it
 */
export async function introspect(url: string, token: string): Promise<{ active: boolean; email?: string }> {
  const { origin, pathname, username, password } = new URL(url);
  const answer = await fetch(origin + pathname, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
    body: new URLSearchParams({ token }),
  });
  return (await answer.json()) as { active: boolean; email?: string };
}
