/** The connection test inside a dialog: the steps appear one by one, and the one that fails says why. */
import type { Report, Step } from '../../connection-test/report';
import { day, duration, language, octets, sentenceOf, type Told, word } from '../i18n';
import { adviceOn, type Setup } from './advice';

export interface TestPanel {
  /** Where the steps appear. */
  panel: JQuery;
  start: JQuery;
  cancel: JQuery;
  /** The routes, relative and without a leading slash: only so does the editor add its bearer. */
  base: string;
  /** What the runtime publishes changes under. */
  topic: string;
  /** What the dialog shows, saved or not. */
  body(): object;
  setup(): Setup;
  /** The field of a property, where this dialog has one. */
  field(property: string): JQuery | undefined;
  /** Takes another port and encryption into the form. */
  use?(instead: { port: number; security: 'tls' | 'starttls' }): void;
}

const ICONS: Record<Step['state'], string> = {
  waiting: 'fa-circle-o',
  running: 'fa-spinner fa-spin',
  ok: 'fa-check',
  warning: 'fa-exclamation-triangle',
  failed: 'fa-times',
  skipped: 'fa-minus',
};

/** Wires the panel; returns what ends it when the dialog closes. */
export function prepareTest({
  panel,
  start,
  cancel,
  base,
  topic,
  body,
  setup,
  field,
  use,
}: TestPanel): () => void {
  const verdict = $('<p class="redletter-verdict" role="status" aria-live="polite">');
  const list = $('<ol class="redletter-steps">');
  const after = $('<div class="redletter-after">');
  const said = $('<div>');
  let test: string | undefined;
  let asking = false;
  let again = false;
  let closed = false;

  const post = (route: string, data: object): JQuery.jqXHR =>
    $.ajax({
      url: `${base}/${route}`,
      type: 'POST',
      contentType: 'application/json',
      data: JSON.stringify(data),
    });
  const conclude = (text: string, state: string): void => {
    verdict.text(text).attr('data-state', state);
  };
  /** One button takes the other's place, and the focus with it. */
  const swap = (from: JQuery, to: JQuery): void => {
    // What stands in the panel goes with the next test.
    const focused = from.is(':focus') || (to === cancel && panel.find(':focus').length > 0);
    from.hide();
    to.show();
    if (focused) to.trigger('focus');
  };
  const over = (): void => {
    test = undefined;
    swap(cancel, start);
  };

  const jump = (property: string): JQuery | undefined => {
    const target = field(property);
    if (target === undefined || target.length === 0) return undefined;
    const label = $(`label[for="${target.attr('id')}"]`)
      .text()
      .trim();
    const name = label || target.attr('aria-label') || target.attr('title') || property;
    return $('<button type="button" class="red-ui-button red-ui-button-small">')
      .text(word('test.goTo', { field: name }))
      .on('click', () => {
        target.parents('details').prop('open', true);
        target[0]?.scrollIntoView({ block: 'center' });
        target.trigger('focus');
      });
  };
  const explain = (told: Told, step: string, scope?: string, instead?: Step['failure']): void => {
    const { reason = '', facts = {} } = told;
    const advice = adviceOn({ step, reason, facts, ...(scope && { scope }) }, setup());
    if (advice.lines.length > 0) {
      const lines = $('<ul class="redletter-advice">').appendTo(after);
      for (const { key, facts } of advice.lines)
        $('<li>')
          .text(word(`advice.${key}`, facts))
          .appendTo(lines);
    }
    const actions = $('<div class="redletter-do">').appendTo(after);
    const way = instead?.instead;
    if (way !== undefined && use !== undefined) {
      const security = way.security === 'tls' ? 'TLS' : 'STARTTLS';
      $('<button type="button" class="red-ui-button red-ui-button-small primary redletter-use">')
        .text(word('test.use', { port: way.port, security }))
        .on('click', () => {
          use(way);
          begin();
        })
        .appendTo(actions);
    }
    if (advice.field !== undefined) actions.append(jump(advice.field) ?? '');
    if (advice.link !== undefined) {
      $('<a target="_blank" rel="noopener noreferrer">')
        .attr('href', advice.link.href)
        .text(word('test.link', { where: word(`link.${advice.link.key}`) }))
        .appendTo(actions);
    }
  };

  const rows = new Map<string, JQuery>();
  const rowOf = ({ step }: Step): JQuery => {
    const there = rows.get(step);
    if (there !== undefined) return there;
    const row = $('<li>').attr('data-step', step);
    row.append(
      $('<i class="fa" aria-hidden="true">'),
      $('<span class="redletter-step">').text(word(`test.step.${step}`)),
      $('<span class="redletter-found">'),
      $('<span class="redletter-ms">'),
      $('<span class="redletter-unseen">'),
    );
    rows.set(step, row);
    list.append(row);
    return row;
  };
  const draw = (report: Report): void => {
    for (const step of report.steps) {
      const row = rowOf(step);
      if (row.attr('data-state') === step.state && step.state !== 'running') continue;
      row.attr('data-state', step.state);
      row.find('.fa').attr('class', `fa ${ICONS[step.state]}`);
      row.find('.redletter-found').text(foundBy(step).join('; '));
      row.find('.redletter-ms').text(step.ms === undefined ? '' : `${step.ms} ms`);
      row.find('.redletter-unseen').text(word(`test.state.${step.state}`));
    }
    const running = report.steps.find(({ state }) => state === 'running');
    if (report.outcome === 'running') {
      const name = running === undefined ? '' : word(`test.step.${running.step}`);
      const text = word(running?.failure ? 'test.searching' : 'test.running', { step: name });
      if (running !== undefined) conclude(text, 'running');
      return;
    }
    finish(report);
  };
  const finish = (report: Report): void => {
    over();
    after.empty();
    const broken = report.steps.find(({ state }) => state === 'failed');
    if (report.outcome === 'cancelled') conclude(word('test.cancelled'), 'cancelled');
    else if (report.outcome === 'ok') {
      const remark = report.steps.some(({ state }) => state === 'warning');
      conclude(word(remark ? 'test.warning' : 'test.ok'), remark ? 'warning' : 'ok');
    } else if (broken?.failure !== undefined) {
      const why = sentenceOf(broken.failure) ?? broken.failure.reason;
      conclude(word('test.failed', { step: word(`test.step.${broken.step}`), why }), 'failed');
      const token = report.steps.find(({ step }) => step === 'token')?.facts as
        | { scope?: string }
        | undefined;
      explain(broken.failure, broken.step, token?.scope, broken.failure);
    }
    if (report.ms !== undefined && report.outcome !== 'cancelled') {
      const seconds = Math.max(report.ms / 1000, 0.1).toLocaleString(language(), {
        maximumFractionDigits: 1,
      });
      verdict.append(' ', $('<span class="redletter-ms">').text(word('test.total', { seconds })));
    }
    panel[0]?.scrollIntoView({ block: 'nearest' });
    if (report.transcript.length > 0) said.append(transcript(report.transcript));
  };
  const transcript = (lines: string[]): JQuery => {
    const text = lines.join('\n');
    const copy = $(
      '<button type="button" class="red-ui-button red-ui-button-small redletter-transcript-copy">',
    ).text(word('test.copy'));
    copy.on('click', () => {
      // Its popover wants jQuery, whatever the types say.
      RED.clipboard.copyText(text, copy as never, 'clipboard.copyMessageValue');
    });
    return $('<details class="redletter-transcript">').append(
      $('<summary>').text(word('test.transcript')),
      $('<pre tabindex="0">').text(text),
      $('<div class="redletter-do">').append(copy, $('<span>').text(word('test.masked'))),
    );
  };

  const ask = (): void => {
    if (test === undefined || closed) return;
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    const asked = test;
    post('test-report', { test: asked })
      .done(({ report }: { report: Report | null }) => {
        if (asked !== test || closed) return;
        if (report === null) conclude(word('test.queued'), 'running');
        else draw(report);
      })
      .fail((answer: JQuery.jqXHR) => {
        if (asked === test) refuse(answer);
      })
      .always(() => {
        asking = false;
        if (!again) return;
        again = false;
        ask();
      });
  };
  const refuse = (answer: JQuery.jqXHR): void => {
    if (closed) return;
    over();
    const told = (answer.responseJSON as Told | undefined) ?? {};
    conclude(sentenceOf(told) ?? word('test.unreachable'), 'failed');
    after.empty();
    explain(told, '');
  };
  const begin = (): void => {
    panel.siblings('.redletter-panel').hide();
    swap(start, cancel);
    rows.clear();
    list.empty();
    after.empty();
    said.empty();
    panel.empty().append(verdict, after, list, said).show();
    panel[0]?.scrollIntoView({ block: 'nearest' });
    conclude(word('test.starting'), 'running');
    post('test', body())
      .done((started: { test: string }) => {
        if (closed) {
          post('test-cancel', started);
          return;
        }
        test = started.test;
        ask();
      })
      .fail(refuse);
  };
  const stop = (): void => {
    if (test !== undefined) post('test-cancel', { test });
  };
  const heard = (_: string, news: { test?: string }): void => {
    if (news.test === test) ask();
  };

  cancel.hide();
  start.on('click', begin);
  cancel.on('click', stop);
  RED.comms.subscribe(topic, heard as never);
  return () => {
    closed = true;
    stop();
    RED.comms.unsubscribe(topic, heard as never);
  };
}

/** What a step has found out, in few words. */
function foundBy(step: Step): string[] {
  if (step.facts === undefined) return [];
  switch (step.step) {
    case 'name':
      return step.facts.proxy ? [word('test.found.proxy')] : [step.facts.addresses.join(', ')];
    case 'connection':
      return [word('test.found.address', { address: step.facts.address ?? '', port: step.facts.port ?? '' })];
    case 'certificate': {
      const { names, subject = '', issuer = '', validTo, daysLeft = 0, trusted } = step.facts;
      const shown = names.length > 3 ? `${names.slice(0, 3).join(', ')} …` : names.join(', ');
      const facts = { names: shown || subject, issuer, until: day(validTo), days: daysLeft };
      const found = [
        daysLeft < 0 ? word('test.found.certificateOver', facts) : word('test.found.certificate', facts),
      ];
      if (step.state === 'warning') found.push(word(trusted ? 'test.found.soon' : 'test.found.unchecked'));
      return found;
    }
    case 'greeting':
      return [step.facts.text.replace(/^\+OK\s*/i, '')];
    case 'capabilities': {
      const { names, mechanisms } = step.facts;
      if (names === undefined) return [word('test.found.noCapabilities')];
      const others = names.filter((name) => name !== 'SASL' && name !== 'CAPA').join(' ');
      return [mechanisms.length > 0 ? `${others} SASL ${mechanisms.join(' ')}` : others];
    }
    case 'token': {
      const { left, scope } = step.facts;
      return [
        ...(left === undefined ? [] : [word('test.found.token', { time: duration(left) })]),
        ...(scope === undefined ? [] : [word('test.found.scope', { scope })]),
      ];
    }
    case 'login': {
      const { user, mechanism = '', renewed } = step.facts;
      return [
        word('test.found.login', { user, mechanism }),
        ...(renewed ? [word('test.found.renewed')] : []),
      ];
    }
    case 'stat':
      return [word('test.found.mails', { count: step.facts.messages, size: octets(step.facts.octets) })];
    case 'uidl': {
      const { ids, repeated } = step.facts;
      if (ids === undefined) return [word('test.found.noIds')];
      return [
        word('test.found.ids', { count: ids }),
        ...(repeated === undefined ? [] : [word('test.found.repeated', { count: repeated })]),
      ];
    }
  }
}
