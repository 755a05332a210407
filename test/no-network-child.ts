/** Prints as JSON what a check meets where it runs. */
import { asMailboxError } from '../nodes/mailbox';
import { met, USER } from './met';

met({ host: 'pop.example.com', port: 995, security: 'tls' }).then((error) => {
  const { code, reason, facts } = asMailboxError(error, { host: 'pop.example.com', port: 995, user: USER });
  process.stdout.write(JSON.stringify({ code, reason, facts }));
});
