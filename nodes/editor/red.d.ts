/**
 * The part of the editor that this package uses, as Node-RED 4 and 5 have it. Declared here because the published types
 * bring in those of Node, which a browser does not have.
 */
export {};

declare global {
  const RED: Editor;

  /** Any node of the editor, deployed or not; configuration nodes have no place on the canvas. */
  interface EditorNode {
    id: string;
    type: string;
    z?: string;
    name?: string;
    /** Disabled. */
    d?: boolean;
    /** Not deployed since its last change. */
    changed?: boolean;
    credentials?: Record<string, unknown>;
    status?: { text?: unknown };
    _def: { defaults: Record<string, { value?: unknown }> };
    [property: string]: unknown;
  }

  interface EditorLink {
    source: EditorNode;
    sourcePort: number;
    target: EditorNode;
  }

  interface NodeProperty {
    value?: unknown;
    type?: string;
    required?: boolean;
    validate?: unknown;
  }

  /** What `registerType` takes. `this` in its functions is the node, or what the palette shows of one. */
  interface NodeDefinition<N> {
    category: string;
    color?: string;
    icon?: string;
    inputs?: number;
    outputs?: number;
    paletteLabel?: string;
    defaults: Record<string, NodeProperty>;
    credentials?: Record<string, { type: 'text' | 'password'; validate?: unknown }>;
    label?: (this: N) => string;
    labelStyle?: (this: N) => string;
    outputLabels?: (this: N, index: number) => string;
    button?: {
      enabled?: (this: N) => boolean;
      visible?: (this: N) => boolean;
      onclick: (this: N) => void;
    };
    onadd?: (this: N) => void;
    onpaletteadd?: () => void;
    onpaletteremove?: () => void;
    oneditprepare?: (this: N) => void;
    oneditsave?: (this: N) => void;
    oneditcancel?: (this: N) => void;
    oneditdelete?: (this: N) => void;
  }

  interface NotifyOptions {
    type?: 'success' | 'warning' | 'error';
    timeout?: number;
    modal?: boolean;
    fixed?: boolean;
    buttons?: { text: string; class?: string; click: () => void }[];
  }

  interface EditorPopover {
    /** Null while it is closed. */
    readonly element: JQuery | null;
    open(instant?: boolean): EditorPopover;
    close(instant?: boolean): EditorPopover;
  }

  /** As the debug sidebar has just shown it. */
  interface DebugMessage {
    message: { type?: string };
    element: JQuery;
    payload: unknown;
  }

  type NewsListener = (topic: string, news: never) => void;

  interface Editor {
    /** Gives the key back where there is no such text, and leaves `__name__` where a fact is missing. */
    _(key: string, facts?: object): string;
    i18n: { lang?(): string };
    settings: { get?(key: string): unknown; version?: string; user?: unknown; pop3InFileFolder?: unknown };
    user?: { hasPermission?(permission: string): boolean };
    nodes: {
      registerType<N>(type: string, definition: NodeDefinition<N>): void;
      node(id: string): EditorNode | null;
      subflow(id: string): EditorNode | null;
      workspace(id: string): EditorNode | null;
      eachNode(visit: (node: EditorNode) => unknown): void;
      eachConfig(visit: (node: EditorNode) => unknown): void;
      filterNodes(filter: { type?: string; z?: string }): EditorNode[];
      getNodeLinks(node: EditorNode, portType: 0 | 1): EditorLink[];
      addLink(link: EditorLink): void;
      import: (
        nodes: object[],
        options: { generateIds: boolean; applyNodeDefaults: boolean },
      ) => { nodes: EditorNode[] };
      dirty(dirty?: boolean): boolean;
    };
    comms: {
      subscribe(topic: string, listener: NewsListener): void;
      unsubscribe(topic: string, listener: NewsListener): void;
    };
    events: {
      on(event: string, listener: (...heard: never[]) => void): void;
      off(event: string, listener: (...heard: never[]) => void): void;
    };
    actions: {
      add(name: string, act: () => void, options?: { label?: string }): void;
      remove(name: string): void;
      invoke(name: string, ...given: unknown[]): void;
    };
    sidebar: {
      addTab(tab: {
        id: string;
        label: string;
        name: string;
        content: HTMLElement;
        iconClass: string;
        onchange?: () => void;
      }): void;
      removeTab(id: string): void;
      show(id: string): void;
      help?: { set(html: string, title?: string): void; show(type?: string, expand?: boolean): void };
    };
    editor: {
      edit(node: EditorNode): void;
      editConfig(property: string, type: string, id: string, prefix: string): void;
      validateNode(node: EditorNode): void;
    };
    view: {
      reveal(id: string): void;
      redraw(update?: boolean): void;
      redrawStatus(node: EditorNode): void;
      selection(): { nodes?: EditorNode[] };
    };
    workspaces: { active(): string; isLocked?(): boolean };
    history: { push(event: object): void };
    hooks: {
      add(hook: string, act: (shown: DebugMessage) => void): void;
      remove(hook: string): void;
    };
    popover: {
      create(options: {
        target: JQuery<Element>;
        trigger: 'manual';
        content: JQuery;
        interactive?: boolean;
        direction?: string;
        size?: 'default' | 'small';
        width?: string;
        delay?: { show: number; hide: number };
      }): EditorPopover;
    };
    clipboard: { copyText(text: string, element: JQuery, message: string): void };
    notify(
      text: string | JQuery,
      options?: NotifyOptions | string,
    ): HTMLElement & {
      close(): void;
      hideNotification(): void;
      showNotification(): void;
    };
    utils: {
      renderMarkdown(text: string): string;
      getNodeLabel(node: EditorNode, otherwise: string): string;
      validatePropertyExpression(text: string): boolean;
    };
  }

  interface JQuery {
    /** The editor's own field for a value with a type. */
    typedInput(options: { default: string; types: string[] }): JQuery;
  }
}
