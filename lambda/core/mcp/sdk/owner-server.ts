import type { McpServer, Server } from '@modelcontextprotocol/server';
import type { ToolContext } from '../tool-context.ts';

/**
 * A server of SDK v1 (`@modelcontextprotocol/sdk`), its `McpServer` or its `Server`. The interface has what both classes
 * declare, because Holdfast does not depend on that SDK.
 */
export interface SdkV1Server {
  connect(transport: never): Promise<void>;
  close(): Promise<void>;
}

/** The result of `createServer`: a server of SDK v2 (`@modelcontextprotocol/server`) or of SDK v1, of either level. */
export type OwnerServer = McpServer | Server | SdkV1Server;

/** Builds the owner's server for one request: the export of `lambda/server.ts`. */
export type CreateServer = (context: ToolContext) => OwnerServer | Promise<OwnerServer>;

/** The public members that the low-level servers of both SDKs share. */
export type ProtocolServer = Pick<
  Server,
  'connect' | 'close' | 'transport' | 'getCapabilities' | 'oninitialized' | 'onclose' | 'onerror'
>;

/** The low-level server, which an `McpServer` contains. */
export const protocolServerOf = (server: OwnerServer): ProtocolServer =>
  'server' in server ? server.server : (server as Server);

/** Whether it is a server of SDK v1, which does not know the revision 2026-07-28. */
export const isOfSdkV1 = (server: OwnerServer): boolean =>
  !('getNegotiatedProtocolVersion' in protocolServerOf(server));

/** The error for a server that is connected to an earlier request, or has answered one. */
export const serverInUse = (): Error =>
  new Error('createServer returned a server that is in use; return a new one for each request');
