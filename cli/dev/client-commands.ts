import { type ClientCommand, clientSetups } from '../../lambda/shared/client-setups.ts';

/** The commands that `holdfast dev` prints. */
export const clientCommands = (url: string): ClientCommand[] => [
  ...clientSetups(url).filter((each) => 'command' in each),
  {
    client: 'Inspector',
    command: `npx @modelcontextprotocol/inspector@2.12.0 --cli ${url} --method tools/list`,
  },
];
