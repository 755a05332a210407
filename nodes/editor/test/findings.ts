/** The findings of a connection test, in words. */
import type { Step } from '../../admin/protocol';
import { formatDay, formatDays, formatDuration, formatSize, word } from '../i18n';

/** What a step has found out, in a few words each. */
export function findingsOf(step: Step): string[] {
  if (step.facts === undefined) return [];
  switch (step.step) {
    case 'name':
      return step.facts.proxy
        ? [word('test.found.proxy', { proxy: step.facts.proxy })]
        : [step.facts.addresses.join(', ')];
    case 'connection':
      return [word('test.found.address', { address: step.facts.address ?? '', port: step.facts.port ?? '' })];
    case 'certificate': {
      const { names, subject = '', issuer = '', validTo, daysLeft = 0, trusted } = step.facts;
      const shown = names.length > 3 ? `${names.slice(0, 3).join(', ')} …` : names.join(', ');
      const facts = {
        names: shown || subject,
        issuer,
        until: formatDay(validTo),
        days: formatDays(daysLeft),
      };
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
      const { left, scope, audience } = step.facts;
      return [
        ...(left === undefined ? [] : [word('test.found.token', { time: formatDuration(left) })]),
        ...(scope === undefined ? [] : [word('test.found.scope', { scope })]),
        ...(audience === undefined ? [] : [word('test.found.audience', { audience })]),
      ];
    }
    case 'login': {
      const { user, mechanism = '', renewed, second } = step.facts;
      return [
        word('test.found.login', { user, mechanism }),
        ...(renewed ? [word('test.found.renewed')] : []),
        ...(second ? [word('test.found.second')] : []),
      ];
    }
    case 'stat':
      return [word('test.found.mails', { count: step.facts.messages, size: formatSize(step.facts.octets) })];
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
