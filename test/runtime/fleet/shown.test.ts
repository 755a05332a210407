import assert from 'node:assert/strict';
import { MailboxError, type MailboxParts, type MailboxState } from '../../../nodes/mailbox';
import { ShownState } from '../../../nodes/runtime/fleet/shown';

describe('runtime/fleet: what a node shows', () => {
  const unavailable = new MailboxError('STORE', 'database-unavailable');
  let trouble: MailboxError | undefined;
  let states: MailboxState[];
  let errors: (string | undefined)[];
  let shown: ShownState;
  let parts: Pick<MailboxParts, 'onState' | 'onError'>;
  beforeEach(() => {
    trouble = undefined;
    states = [];
    errors = [];
    shown = new ShownState(() => trouble);
    parts = shown.watch({
      onState: (state: MailboxState) => states.push(state),
      onError: ({ reason }: MailboxError) => errors.push(reason),
    } as unknown as MailboxParts);
  });

  it('is what the mailbox does here, or that it is elsewhere', () => {
    parts.onState({ is: 'checking' });
    assert.equal(shown.isChecking, true);
    shown.showWhere();
    assert.equal(shown.isChecking, false);
    assert.deepEqual([states, errors], [[{ is: 'checking' }, { is: 'elsewhere' }], []]);
  });

  it('is one error for a database that goes away, whether a check or a heartbeat noticed it first', () => {
    parts.onError(unavailable);
    trouble = unavailable;
    shown.showWhere();
    shown.showWhere();
    assert.deepEqual(
      [states.at(-1), errors],
      [{ is: 'failed', error: unavailable }, ['database-unavailable']],
    );
  });

  it('is another error after it was there again', () => {
    trouble = unavailable;
    shown.showWhere();
    trouble = undefined;
    shown.forgetReported();
    shown.showWhere();
    trouble = unavailable;
    shown.showWhere();
    assert.deepEqual(errors, ['database-unavailable', 'database-unavailable']);
  });
});
