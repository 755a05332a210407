/** How the nodes of this package are called where people look for them; the type names stay. */

export const LABELS = {
  'pop3 in': 'mail in (POP3)',
  'pop3 ack': 'mail ack',
  'oauth2 token': 'OAuth token',
} as const;

/** Words people search for; the palette's filter compares with the type and with the label only. */
const SEARCHED: Record<keyof typeof LABELS, string> = {
  'pop3 in': 'mail email e-mail gmail outlook hotmail inbox oauth pop pop3 imap',
  'pop3 ack': 'mail email e-mail acknowledge inbox pop pop3',
  'oauth2 token': 'oauth oauth2 token gmail outlook mail email xoauth2',
};

/** Lets the palette's filter find a node by what people call it; nothing of it is shown. */
export function makeFindable(type: keyof typeof LABELS): void {
  $(`.red-ui-palette-node[data-palette-type="${type}"]`).attr(
    'data-palette-label',
    `${LABELS[type]} ${SEARCHED[type]}`,
  );
}
