/** How a client is connected to a server. */
export type ClientCommand = {
  client: string;
  /** For a shell. */
  command: string;
  /** The command of the client itself that follows. */
  typed?: string;
};

/** The commands that `holdfast dev` prints. `docs/clients.md` has them too. */
export const clientCommands = (url: string): ClientCommand[] => [
  {
    client: 'Claude Code',
    command: `claude mcp add --transport http holdfast ${url} && claude mcp login holdfast`,
  },
  { client: 'Codex', command: `codex mcp add holdfast --url ${url}` },
  {
    client: 'Gemini CLI',
    command: `gemini mcp add --scope user --transport http holdfast ${url} && gemini`,
    typed: '/mcp auth holdfast',
  },
  { client: 'VS Code', command: `code --add-mcp '${JSON.stringify({ name: 'holdfast', type: 'http', url })}'` },
  {
    client: 'Inspector',
    command: `npx @modelcontextprotocol/inspector@2.12.0 --cli ${url} --method tools/list`,
  },
];
