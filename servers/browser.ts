import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core';
import type { NodeRed } from './node-red';

const WINDOW = { width: 1280, height: 800 };

/** Where screenshots go; git knows nothing of it. */
const screenshots = join(__dirname, '..', '.screenshots');

/** What the browser is missing, in one line. */
export function chromiumMissing(): string | undefined {
  return chromiumPath()
    ? undefined
    : 'Chromium (Debian: apt-get install chromium; elsewhere: CHROMIUM=<its path>)';
}

function chromiumPath(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const folders = (process.env.PATH ?? '').split(delimiter);
  return [
    ...(process.env.CHROMIUM ? [process.env.CHROMIUM] : []),
    ...folders.flatMap((folder) => names.map((name) => join(folder, name))),
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ].find((path) => existsSync(path));
}

/**
 * A real Chromium without a window, which reaches nothing but this machine.
 * @param names by which this machine is known to it besides, as a host on the LAN would be
 */
export async function startBrowser(names: string[] = []): Promise<Browser> {
  const executablePath = chromiumPath();
  if (!executablePath) throw new Error(`Missing: ${chromiumMissing()}`);
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      // The sign-in server's pages ask for a font from elsewhere; the tests do not wait for it.
      `--host-resolver-rules=${[
        ...names.map((name) => `MAP ${name} 127.0.0.1`),
        'MAP * ~NOTFOUND',
        'EXCLUDE localhost',
        'EXCLUDE 127.0.0.1',
      ].join()}`,
    ],
  });
}

export interface EditorOptions {
  /** Only Node-RED 5 has a dark theme of its own. */
  dark?: boolean;
  /** The language of the browser, and so of the editor. Default: en-US. */
  language?: string;
  /** Another language that was chosen in the settings of the editor. */
  chosenLanguage?: string;
  /** Whom to log in as, where the editor has users. */
  user?: { username: string; password: string };
  /** Another host name under which the editor is opened, such as `localhost`. Default: 127.0.0.1. */
  host?: string;
}

/**
 * Pages that no editor is open in, by what they were made for, each in a profile of its own. What they have loaded and
 * compiled need not be loaded and compiled again: half of what it costs to open an editor.
 */
const idlePages = new WeakMap<Browser, Map<string, Page[]>>();

/** Opens a Node-RED's editor in a browser profile that has no memory, and waits until it can be worked with. */
export async function openEditor(
  browser: Browser,
  nodeRed: Pick<NodeRed, 'url'>,
  options: EditorOptions = {},
): Promise<Editor> {
  const url = new URL(nodeRed.url);
  if (options.host) url.hostname = options.host;
  const { page, release } = await takePage(browser, options);
  // Whatever was kept by an editor before this one.
  await page.goto(new URL('favicon.ico', url).href);
  await page.evaluate(
    ([theme, language]) => {
      localStorage.clear();
      sessionStorage.clear();
      localStorage.setItem('view-dark-theme', theme);
      if (language) localStorage.setItem('editor-language', language);
    },
    [options.dark ? 'dark' : 'light', options.chosenLanguage ?? ''] as const,
  );
  await page.goto(url.href);
  if (options.user) {
    await page.fill('#node-dialog-login-username', options.user.username);
    await page.fill('#node-dialog-login-password', options.user.password);
    await page.click('#node-dialog-login-submit');
  }
  const editor = new Editor(page.context(), page, release);
  await editor.ready();
  return editor;
}

async function takePage(
  browser: Browser,
  { language = 'en-US', dark = false }: EditorOptions,
): Promise<{ page: Page; release: () => Promise<void> }> {
  const pages = idlePages.get(browser) ?? new Map<string, Page[]>();
  idlePages.set(browser, pages);
  const kind = `${language} ${dark}`;
  const idle = pages.get(kind) ?? [];
  pages.set(kind, idle);
  const page = idle.pop() ?? (await (await newProfile(browser, language, dark)).newPage());
  await page.setViewportSize(WINDOW);
  const release = async (): Promise<void> => {
    const context = page.context();
    await Promise.all(context.pages().map((one) => (one === page ? undefined : one.close())));
    await context.clearCookies();
    await context.clearPermissions();
    page.removeAllListeners();
    if (page.isClosed()) return;
    // An editor that is left runs on, and its server may be gone by now.
    await page.goto('about:blank');
    idle.push(page);
  };
  return { page, release };
}

async function newProfile(browser: Browser, locale: string, dark: boolean): Promise<BrowserContext> {
  const context = await browser.newContext({
    locale,
    viewport: WINDOW,
    colorScheme: dark ? 'dark' : 'light',
    // Certificates are the tests' own.
    ignoreHTTPSErrors: true,
  });
  // What is evaluated in the page has gone through tsx, which names functions by a helper of its own.
  await context.addInitScript('globalThis.__name ??= (named) => named;');
  return context;
}

/** As much of the editor's own script as is asked here. It runs in the page. */
declare const RED: {
  nodes: {
    eachNode(visit: (node: { id: string; type: string }) => void): void;
    eachConfig(visit: (node: { id: string; type: string }) => void): void;
    dirty(): boolean;
  };
};

/** A Node-RED editor in a browser, worked with as a person would: by dragging, clicking and typing. */
export class Editor {
  /** Whatever the page has complained about in its console, or thrown. */
  readonly problems: string[] = [];
  readonly #release: () => Promise<void>;
  #closed: Promise<void> | undefined;

  /** @internal use {@link openEditor} */
  constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    release: () => Promise<void>,
  ) {
    this.#release = release;
    page.on('pageerror', (error) => this.problems.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') this.problems.push(message.text());
    });
  }

  /** Loaded, and rid of what greets a first visitor. */
  async ready(): Promise<void> {
    await this.page.waitForSelector('#red-ui-workspace-chart', { state: 'visible', timeout: 30_000 });
    await this.page.waitForSelector('#red-ui-loading-progress', { state: 'hidden' });
    await this.page.waitForSelector('.red-ui-palette-node', { state: 'attached' });
  }

  /**
   * Drags a node from the palette onto the canvas.
   * @param at where on the canvas, in pixels from its corner
   * @returns its id
   */
  async addNode(type: string, at: { x: number; y: number }): Promise<string> {
    const before = await this.nodes(type);
    const chart = await this.page.locator('#red-ui-workspace-chart').boundingBox();
    if (!chart) throw new Error('There is no canvas to be seen');
    await this.page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`).hover();
    await this.page.mouse.down();
    await this.page.mouse.move(chart.x + at.x, chart.y + at.y, { steps: 8 });
    await this.page.mouse.up();
    const id = (await this.nodes(type)).find((node) => !before.includes(node));
    if (!id) throw new Error(`${type} did not land on the canvas`);
    return id;
  }

  /** The ids of the nodes of a type, configuration nodes too, in this editor: deployed or not. */
  nodes(type: string): Promise<string[]> {
    return this.page.evaluate((wanted) => {
      const ids: string[] = [];
      const visit = (node: { id: string; type: string }) => {
        if (node.type === wanted) ids.push(node.id);
      };
      RED.nodes.eachNode(visit);
      RED.nodes.eachConfig(visit);
      return ids;
    }, type);
  }

  /** Wires a node's output (0: the first) to another's input. */
  async wire(from: string, to: string, output = 0): Promise<void> {
    const start = this.page.locator(`[id="${from}"] .red-ui-flow-port-output .red-ui-flow-port`).nth(output);
    const end = this.page.locator(`[id="${to}"] .red-ui-flow-port-input .red-ui-flow-port`);
    await start.hover();
    await this.page.mouse.down();
    await end.hover();
    await this.page.mouse.up();
  }

  /** Opens a node's dialog with a double click. */
  async openDialog(id: string): Promise<void> {
    const node = this.page.locator(`[id="${id}"] .red-ui-flow-node`).first();
    const trays = this.page.locator('.red-ui-tray');
    const open = await trays.count();
    // Two clicks that a busy machine brings too far from each other are no double click to the editor.
    await this.#moved(async () => {
      for (let attempt = 1; attempt <= 3 && (await trays.count()) === open; attempt += 1) {
        await node.dblclick();
        await trays
          .nth(open)
          .waitFor({ state: 'attached', timeout: 3_000 })
          .catch(() => undefined);
      }
    });
  }

  /** From the topmost dialog: a new configuration node for a property, by the editor's own plus button. */
  async addConfig(property: string): Promise<void> {
    await this.#moved(() => this.dialog.locator(`[id$="-btn-${property}-add"]`).click());
  }

  /** From the topmost dialog: the configuration node that is chosen for a property, by the pencil. */
  async editConfig(property: string): Promise<void> {
    await this.#moved(() => this.dialog.locator(`[id$="-btn-${property}-edit"]`).click());
  }

  /** The topmost dialog, to look for something in it. */
  get dialog(): Locator {
    return this.page.locator('.red-ui-tray').last();
  }

  /** A property's field in the topmost dialog. */
  field(property: string): Locator {
    return this.dialog.locator(`[id="node-input-${property}"], [id="node-config-input-${property}"]`);
  }

  /** Fills fields of the topmost dialog: text, numbers, choices by their value, ticks. */
  async fill(values: Record<string, string | number | boolean>): Promise<void> {
    for (const [property, value] of Object.entries(values)) {
      const field = this.field(property);
      const kind = await field.evaluate(
        (element) => `${element.tagName} ${element.getAttribute('type') ?? ''}`,
      );
      if (typeof value === 'boolean') await field.setChecked(value);
      else if (kind.startsWith('SELECT')) await field.selectOption(String(value));
      else await field.fill(String(value));
      await field.blur();
    }
  }

  /** Done, Add or Update: closes the topmost dialog and keeps what was typed. */
  async done(): Promise<void> {
    await this.#moved(() => this.dialog.locator('#node-dialog-ok, #node-config-dialog-ok').click());
  }

  async cancel(): Promise<void> {
    await this.#moved(() => this.dialog.locator('#node-dialog-cancel, #node-config-dialog-cancel').click());
  }

  /** Clicks something that opens a window, and answers that window. */
  async popup(click: () => Promise<unknown>): Promise<Page> {
    const [popup] = await Promise.all([this.page.waitForEvent('popup'), click()]);
    return popup;
  }

  /** Presses Deploy and waits until the runtime has taken it. */
  async deploy(): Promise<void> {
    const answered = this.page.waitForResponse(
      (response) => response.url().endsWith('/flows') && response.request().method() === 'POST',
    );
    await this.page.click('#red-ui-header-button-deploy');
    const response = await answered;
    if (!response.ok()) throw new Error(`The deploy was answered with ${response.status()}`);
    await this.page.waitForFunction(() => !RED.nodes.dirty());
    // For a second the whole editor lies under a shade, and no click gets through.
    await this.page.waitForSelector('.red-ui-deploy-button-spinner', { state: 'hidden' });
  }

  /** The status under a node; empty when there is none. */
  async status(id: string): Promise<string> {
    return (await this.page.locator(`[id="${id}"] .red-ui-flow-node-status-label`).textContent()) ?? '';
  }

  /** Settles when the status under a node fits. */
  async waitForStatus(id: string, pattern: RegExp, timeout = 20_000): Promise<string> {
    const label = this.page
      .locator(`[id="${id}"] .red-ui-flow-node-status-label`)
      .filter({ hasText: pattern });
    try {
      await label.waitFor({ state: 'attached', timeout });
    } catch (cause) {
      throw new Error(`Waited in vain for the status ${pattern}; it is "${await this.status(id)}"`, {
        cause,
      });
    }
    return this.status(id);
  }

  /** The texts in the debug sidebar, the oldest first; it need not be open. */
  async debugMessages(): Promise<string[]> {
    return this.page.locator('.red-ui-debug-msg .red-ui-debug-msg-payload').allTextContents();
  }

  /** Puts a picture of the editor, or of a part of it, into `.screenshots/`. Answers its path. */
  async screenshot(name: string, part: Locator | Page = this.page): Promise<string> {
    mkdirSync(screenshots, { recursive: true });
    const path = join(screenshots, `${name}.png`);
    await part.screenshot({ path, style: '#red-ui-notifications { display: none }', animations: 'disabled' });
    return path;
  }

  /** The same, of the editor in a smaller window: what is read in a page of text, where a large one would be shrunk. */
  async smallScreenshot(name: string, size: { width: number; height: number }): Promise<string> {
    const usual = this.page.viewportSize();
    await this.page.setViewportSize(size);
    try {
      return await this.screenshot(name);
    } finally {
      if (usual) await this.page.setViewportSize(usual);
    }
  }

  /** May be called more than once. */
  close(): Promise<void> {
    this.#closed ??= this.#release();
    return this.#closed;
  }

  /** One dialog slides out, another in; a click before the end of the animation misses. */
  async #moved(action: () => Promise<void>): Promise<void> {
    const top = () => document.querySelector('.red-ui-tray:last-of-type');
    const before = await this.page.evaluateHandle(top);
    await action();
    await this.page.waitForFunction((old) => {
      const now = document.querySelector('.red-ui-tray:last-of-type');
      return now !== old && (now === null || getComputedStyle(now).right === '0px');
    }, before);
  }
}

/**
 * Signs in and consents on the sign-in server's own pages, in a window of the browser.
 * @returns when the last page has been left for the callback
 */
export async function signIn(window: Page, login: string, password = 'any will do'): Promise<void> {
  await window.fill('input[name="login"]', login);
  await window.fill('input[name="password"]', password);
  await window.click('button[type="submit"]');
  await window.waitForSelector('input[name="prompt"][value="consent"]', { state: 'attached' });
  await window.click('button[type="submit"]');
}
