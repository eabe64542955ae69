import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientCommands } from '../../cli/dev/client-commands.ts';

const page = readFileSync(join(__dirname, '../../docs/clients.md'), 'utf8');

test.each(clientCommands('URL'))(
  'docs/clients.md has the commands that npm start prints for $client',
  ({ command, typed }) => {
    for (const each of command.split(' && ')) expect(page).toContain(each);
    if (typed !== undefined) expect(page).toContain(typed);
  },
);
