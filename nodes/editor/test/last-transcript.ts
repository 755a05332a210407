/** The protocol of the last connection test of each mailbox, for a report of it; gone when the editor is loaded again. */

const transcripts = new Map<string, readonly string[]>();

/** @param node the ID of the `pop3 in`; @param lines with secrets masked, as the runtime gave them */
export const rememberTranscript = (node: string, lines: readonly string[]): void => {
  transcripts.set(node, lines);
};

export const lastTranscript = (node: string): readonly string[] => transcripts.get(node) ?? [];
