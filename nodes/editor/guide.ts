/** The guides that ship with this package, in the help sidebar. */
import { guideText } from './api';
import { accountWord } from './i18n';

/** @param name as the file is called, without `.md` */
export async function openGuide(name: string): Promise<void> {
  // With a name of its own, so that the page has it once.
  $(document)
    .off('click.redletter-guide')
    .on('click.redletter-guide', 'a[data-redletter-guide]', (event) => {
      event.preventDefault();
      openGuide(String($(event.currentTarget).attr('data-redletter-guide')));
    });
  try {
    const text = await guideText(name);
    const [, title = name] = /^# (.+)$/m.exec(text) ?? [];
    RED.sidebar.help?.set(asHelp(text), title);
  } catch {
    RED.notify(accountWord('guide.failed'), 'error');
  }
}

/** The title is the sidebar's; another guide opens here too, every other page in a window of its own. */
function asHelp(text: string): string {
  const help = $('<div>').html(
    RED.utils.renderMarkdown(text.replace(/^# .+$/m, '').replace(/^!\[.*$/gm, '')),
  );
  help.find('a').each((_, link) => {
    const href = $(link).attr('href') ?? '';
    const [, other] = /^([\w-]+)\.md(#.*)?$/.exec(href) ?? [];
    if (other !== undefined) $(link).attr({ href: '#', 'data-redletter-guide': other });
    else if (/^https?:/.test(href)) $(link).attr({ target: '_blank', rel: 'noopener noreferrer' });
    else $(link).contents().unwrap();
  });
  return help.html();
}
