import { APIGatewayProxyEventHandler, StdioServerAdapterRequestHandler } from '@aws/run-mcp-servers-with-aws-lambda';

/** Starts a server on stdio for each request, as its documentation has it. */
const requests = new APIGatewayProxyEventHandler(
  new StdioServerAdapterRequestHandler({ command: process.execPath, args: [process.env.STDIO_SERVER] }),
);

export const handler = (event, context) => requests.handle(event, context);
