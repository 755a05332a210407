/** How the sidebar tab looks: the editor's own colours, whatever the theme. */
export function styleHealth(): void {
  if ($('#redletter-health-style').length > 0) return;
  const fills = ['red', 'green', 'yellow', 'blue', 'grey'].map(
    (fill) =>
      `.redletter-dot[data-fill="${fill}"] { --redletter-fill: var(--red-ui-node-status-colors-${fill}) }`,
  );
  $('<style id="redletter-health-style">')
    .text(
      // The editor's own rule for icons on tabs wants them nearly white.
      `.redletter-tab-icon { display: inline-block; width: 16px; height: 16px; vertical-align: -3px;
        background: currentColor !important; --redletter-icon: url("icons/@redletter/node-red-pop3/redletter-health.svg");
        -webkit-mask: var(--redletter-icon) center / 18px 27px no-repeat;
        mask: var(--redletter-icon) center / 18px 27px no-repeat }
      .redletter-health { height: 100%; overflow-y: auto; padding: 10px; box-sizing: border-box;
        color: var(--red-ui-primary-text-color); background: var(--red-ui-secondary-background) }
      .redletter-health h3 { margin: 4px 0 6px; font-size: 1.1em; line-height: 1.4; color: inherit }
      .redletter-health h4 { flex: 1; min-width: 0; margin: 0; font-size: 1em; line-height: 1.4 }
      .redletter-health ul { list-style: none; margin: 0 0 14px; padding: 0 }
      .redletter-card { padding: 8px 10px; margin: 0 0 8px; border-radius: 4px; overflow-wrap: anywhere;
        border: 1px solid var(--red-ui-secondary-border-color) }
      .redletter-card > div { margin: 2px 0 }
      .redletter-head { display: flex; gap: 8px; align-items: center }
      .redletter-health .redletter-link { padding: 0; border: 0; background: none; text-align: left;
        font: inherit; font-weight: bold; color: inherit; overflow-wrap: anywhere; cursor: pointer }
      .redletter-link:hover, .redletter-link:focus { text-decoration: underline }
      .redletter-health:focus { outline: none }
      .redletter-link:focus-visible, .redletter-health summary:focus-visible {
        outline: 2px solid var(--red-ui-form-input-focus-color); outline-offset: 2px }
      .redletter-health .red-ui-button { color: var(--red-ui-primary-text-color) !important }
      .redletter-status { display: flex; gap: 6px; align-items: center }
      .redletter-dot { flex: none; width: 9px; height: 9px; border-radius: 3px; box-sizing: border-box;
        border: 2px solid var(--redletter-fill) }
      .redletter-dot[data-shape="dot"] { background: var(--redletter-fill) }
      ${fills.join('\n')}
      .redletter-error { color: var(--red-ui-text-color-error) }
      .redletter-chart { display: block; width: 100%; height: 33px; margin-top: 6px }
      .redletter-chart rect { fill: var(--red-ui-node-status-colors-blue) }
      .redletter-chart rect.redletter-hour { fill: transparent }
      .redletter-chart rect.redletter-hour:hover { fill: var(--red-ui-secondary-background-hover); fill-opacity: 0.5 }
      .redletter-chart line { stroke: var(--red-ui-secondary-border-color) }
      .redletter-card .redletter-panel { margin: 4px 0 0 }
      .redletter-aside summary { cursor: pointer }
      .redletter-aside ul { margin: 4px 0 0 }
      .redletter-aside li { display: grid; grid-template-columns: 1fr auto; gap: 0 8px; align-items: center;
        margin: 6px 0 }
      .redletter-aside li > button { grid-area: 1 / 2 / 3 / 3 }
      .redletter-empty { text-align: center; margin: 30px 10px }
      .redletter-empty p { margin: 0 0 12px }`,
    )
    .appendTo('head');
}
