/** How an assistant is connected to a server: by a command, a file, or the settings of its vendor's application. */
export type ClientSetup = ClientCommand | ClientFile | HostedClient;

export type ClientCommand = {
  client: string;
  /** For a shell. */
  command: string;
  /** The command of the client itself that follows. */
  typed?: string;
};

export type ClientFile = { client: string; file: string; content: string };

/** It connects from the servers of its vendor, so it reaches a deployment alone. */
export type HostedClient = { client: string; hosted: 'claude' | 'chatgpt' };

/**
 * The setups. `docs/clients.md` has them too.
 *
 * @param url of the MCP endpoint
 * @param name of the server in the client: letters, digits and hyphens
 */
export const clientSetups = (url: string, name = 'holdfast'): ClientSetup[] => [
  { client: 'Claude', hosted: 'claude' },
  { client: 'ChatGPT', hosted: 'chatgpt' },
  {
    client: 'Claude Code',
    command: `claude mcp add --transport http ${name} ${url} && claude mcp login ${name}`,
  },
  { client: 'Codex', command: `codex mcp add ${name} --url ${url}` },
  {
    client: 'Gemini CLI',
    command: `gemini mcp add --scope user --transport http ${name} ${url} && gemini`,
    typed: `/mcp auth ${name}`,
  },
  { client: 'VS Code', command: `code --add-mcp '${JSON.stringify({ name, type: 'http', url })}'` },
  {
    client: 'Cursor',
    file: '~/.cursor/mcp.json',
    content: JSON.stringify({ mcpServers: { [name]: { url } } }, null, 2),
  },
];
