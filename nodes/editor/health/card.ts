/**
 * What the cards of the sidebar are made of. A card stays where it is and changes only where something has changed, so
 * that keyboard focus and screen readers keep their place.
 */

export interface Card<Report> {
  readonly element: JQuery;
  /** @param skew ms by which this browser's clock is ahead of the runtime's */
  show(report: Report, skew: number): void;
}

/** Waits for a request, and shows what came of it. */
export type Ask = (request: Promise<object>) => void;

export interface Part<T> {
  readonly element: JQuery;
  show(value: T): void;
}

/** A piece of a card: filled again only when what it shows is something else, hidden while that is nothing. */
export function part<T>(element: JQuery, fill: (value: T) => (JQuery | Element | string)[]): Part<T> {
  let shown: string | undefined;
  return {
    element: element.hide(),
    show: (value) => {
      const now = JSON.stringify(value) ?? '';
      if (now === shown) return;
      shown = now;
      const pieces = fill(value);
      element.empty().toggle(pieces.length > 0);
      for (const piece of pieces) element.append(typeof piece === 'string' ? $('<span>').text(piece) : piece);
    },
  };
}

/** A colored dot and words, as under a node; the color says nothing that the words do not. */
export function statusPart(): Part<{ fill: string; shape: string; text: string }> {
  return part($('<div class="redletter-status">'), ({ fill, shape, text }) => [
    $('<span class="redletter-dot" aria-hidden="true">').attr({ 'data-fill': fill, 'data-shape': shape }),
    text,
  ]);
}

export const button = (kind: string): JQuery => $('<button type="button">').addClass(kind);

export const warning = (): JQuery => $('<i class="fa fa-exclamation-triangle" aria-hidden="true">');

/** How a node is called in this editor; one that is not there, by what the runtime knows of it. */
export function nameOf({ node, name, user }: { node: string; name: string; user: string }): string {
  const known = RED.nodes.node(node);
  return name || (known ? RED.utils.getNodeLabel(known as never, '') : '') || user || node;
}

/** Brings a list's cards into this order, makes what is missing, and lets go of what is no longer there. */
export function arrange<Report>(
  list: JQuery,
  cards: Map<string, Card<Report>>,
  reports: [key: string, report: Report][],
  make: () => Card<Report>,
  skew: number,
): void {
  const wanted = new Set(reports.map(([key]) => key));
  for (const [key, card] of cards) {
    if (wanted.has(key)) continue;
    card.element.remove();
    cards.delete(key);
  }
  for (const [index, [key, report]] of reports.entries()) {
    const card = cards.get(key) ?? make();
    cards.set(key, card);
    card.show(report, skew);
    const there = list.children().get(index);
    // Whatever is moved loses the focus.
    if (there !== card.element[0]) list[0]?.insertBefore(card.element[0] as Node, there ?? null);
  }
}
