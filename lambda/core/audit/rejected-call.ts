/** The texts of the SDKs, v2 and v1, and of those for Python, with which a server rejects a call before it runs a tool. */
const forms = {
  'unknown-tool': (tool: string) => [`Tool ${tool} not found`, `Tool ${tool} disabled`, `Unknown tool: ${tool}`],
  'invalid-arguments': () => ['Input validation error: ', 'Invalid arguments for tool '],
  // The SDK has run the tool, whose result does not match the schema that it states.
  'tool-error': () => ['Output validation error: '],
} as const;

type Rejection = keyof typeof forms;

/**
 * Why the server, and not the tool, has answered with an error.
 *
 * @param text of the error or of the error result, which a tool may have written too
 * @returns undefined for any other text
 */
export function rejectionIn(text: unknown, tool: string): Rejection | undefined {
  if (typeof text !== 'string') return undefined;
  const own = text.replace(/^MCP error -32602: /, '');
  const kinds = Object.keys(forms) as Rejection[];
  return kinds.find((kind) => forms[kind](tool).some((form) => own.startsWith(form)));
}
