import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientCommands } from '../../cli/dev/client-commands.ts';
import { clientSetups } from '../../lambda/shared/client-setups.ts';

const page = readFileSync(join(__dirname, '../../docs/clients.md'), 'utf8');

test.each(clientCommands('URL'))(
  'docs/clients.md has the commands that npm start prints for $client',
  ({ command, typed }) => {
    for (const each of command.split(' && ')) expect(page).toContain(each);
    if (typed !== undefined) expect(page).toContain(typed);
  },
);

test('docs/clients.md has the file of Cursor and a section for each hosted client', () => {
  const setups = clientSetups('URL');
  const [block] = setups.flatMap((each) => ('content' in each ? [each] : []));
  expect(page).toContain(`In \`${block!.file}\`:`);
  expect(JSON.parse(/```json\n(.*?)```/s.exec(page)![1]!)).toEqual(JSON.parse(block!.content));
  for (const each of setups) if ('hosted' in each) expect(page).toContain(`### ${each.client}`);
});
