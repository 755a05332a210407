/** What only the owner of a mailbox may do. */
export type OwnedAct = 'deliver' | 'delete' | 'quit';

/**
 * Asked right before each such act: does this runtime still own the mailbox? A promise is waited for; an answer without
 * one is as good as the turn in which it was given, so that nothing can stall between it and the act.
 *
 * @throws MailboxError where the mailbox belongs to another runtime, or where that cannot be told. The session ends
 *   without QUIT then, and nothing is counted against a mail.
 */
export type AssertOwner = (act: OwnedAct) => void | Promise<void>;

/**
 * Does what only the owner may. Where the answer needs no wait it is done in the very turn of the answer: waiting for
 * nothing lets everything else go first that is due, and a process that is suspended meanwhile acts after its time.
 *
 * @throws what `assertOwner` throws; nothing is done then
 */
export async function asOwner<T>(
  assertOwner: AssertOwner,
  act: OwnedAct,
  run: () => T | Promise<T>,
): Promise<T> {
  const answer = assertOwner(act);
  if (answer instanceof Promise) await answer;
  return run();
}

/** A Node-RED of its own, whose folder is locked, always may. */
export const soleOwner: AssertOwner = () => undefined;
