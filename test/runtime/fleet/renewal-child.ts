/** One process that renews the tokens of one account again and again. Its only argument is {@link RenewalOrders} as JSON. */
import { FleetTokens, TOKENS } from '../../../nodes/runtime/fleet/tokens';
import { SECRET } from './drill';
import { openDatabase } from './support';

export interface RenewalOrders {
  database: string;
  /** Of a server that rotates: it takes the refresh token as its body and answers with the next one. */
  server: string;
  node: string;
  renewals: number;
}

async function renewAll({ database: url, server, node, renewals }: RenewalOrders): Promise<void> {
  const database = await openDatabase(url);
  await database.listen(TOKENS);
  const store = new FleetTokens(() => Promise.resolve(database), SECRET, database).store(node, 'binding');
  for (let at = 0; at < renewals; at += 1)
    await store.renewing(async (stored) => {
      const answer = await fetch(server, { method: 'POST', body: stored?.refreshToken ?? '' });
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      const refreshToken = await answer.text();
      await store.save({ accessToken: 'a', refreshToken, obtainedAt: 1, expiresAt: 2, signedInAt: 1 });
    });
  await database.close();
}

renewAll(JSON.parse(process.argv[2] ?? '') as RenewalOrders).catch((error) => {
  console.error(error);
  process.exit(1);
});
