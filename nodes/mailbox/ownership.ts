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

/** A Node-RED of its own, whose folder is locked, always may. */
export const soleOwner: AssertOwner = () => undefined;
