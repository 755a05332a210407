/**
 * A process that renews a token and blocks at the given place after reporting it, so that it can be killed
 * there. Arguments: issuer, file of the store, `before-save` or `after-save`.
 */
import { TokenSource } from '../../nodes/oauth2';
import { FileStore } from './file-store';
import { accountAt } from './support';

const [issuer = '', path = '', place = ''] = process.argv.slice(2);
const store = new FileStore(path);
const save = store.save.bind(store);
store.save = async (tokens) => {
  if (place === 'after-save') await save(tokens);
  process.stdout.write('here\n');
  await new Promise(() => setInterval(() => {}, 60_000));
};
void new TokenSource({ config: accountAt(issuer), store }).token();
