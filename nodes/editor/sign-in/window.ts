/** The window with the provider's sign-in pages. */
import type { SignInRequest } from '../../admin/protocol';
import { elsewhere, redirectUri } from '../form/surroundings';
import { accountWord } from '../i18n';
import type { StatusLine } from './status-line';

/** Its user has closed it, or its pages have cut it off from this one: both look the same. */
const LOOK_EVERY_MS = 250;
/** A window that is done closes itself; news of it may take so long. */
const GRACE_MS = 600;

export class SignInWindow {
  readonly #popup: Window | null;
  #timer: number | undefined;

  /** To be made in the click itself, or the browser takes it for an advertisement. */
  constructor() {
    this.#popup = window.open('', '_blank', 'popup,width=560,height=720');
    // Pages of the provider have no business in the editor's window.
    if (this.#popup !== null) this.#popup.opener = null;
  }

  /** The browser did not open it. */
  get isBlocked(): boolean {
    return this.#popup === null;
  }

  /** @param closed called once, when the window is gone and `close` was not called */
  open(url: string, closed: () => void): void {
    const popup = this.#popup;
    if (popup === null) return;
    popup.location.href = url;
    this.#timer = window.setInterval(() => {
      if (!popup.closed) return;
      this.forget();
      this.#timer = window.setTimeout(closed, GRACE_MS);
    }, LOOK_EVERY_MS);
  }

  /** Whatever becomes of it is of no interest any more. */
  forget(): void {
    window.clearInterval(this.#timer);
    window.clearTimeout(this.#timer);
  }

  close(): void {
    this.forget();
    this.#popup?.close();
  }
}

/**
 * What a sign-in by a window needs besides the account.
 * @throws TypeError when the redirect URI is not an address
 */
export function windowRequest(): Pick<SignInRequest, 'redirectUri' | 'callbackUrl' | 'texts'> {
  const registered = redirectUri();
  const begin = elsewhere(registered);
  return {
    redirectUri: registered,
    ...(begin && { callbackUrl: begin.href }),
    texts: {
      lang: document.documentElement.lang || navigator.language,
      title: accountWord('page.title'),
      done: accountWord('page.done'),
      failed: accountWord('page.failed'),
      unknown: accountWord('page.unknown'),
      paste: accountWord('page.paste'),
    },
  };
}

/** The window was closed before the sign-in was over. */
export function offerTryAgain(line: StatusLine, { again, cancel }: { again(): void; cancel(): void }): void {
  line.say(accountWord('signIn.closed'), 'warning');
  line.addButtons([
    { text: accountWord('label.tryAgain'), kind: 'primary redletter-try-again', act: again },
    { text: accountWord('label.cancel'), kind: 'redletter-cancel-sign-in', act: cancel },
  ]);
  line.scrollIntoView();
}
