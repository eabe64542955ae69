/** The exports of the MCP SDK that the fast path constructs, so its file has them whatever the owner's code imports. */
export const constructedSdkClasses = ['McpServer', 'ResourceTemplate', 'UriTemplate'] as const;
