import { McpServer } from '@modelcontextprotocol/server';
import { kmsAssertionSigner } from './adapters/kms/kms-assertion-signer.ts';
import { openKms } from './adapters/kms/kms-client.ts';
import { log } from './adapters/logging/structured-log.ts';
import { systemClock } from './adapters/system-clock.ts';
import { fetchUpstream } from './adapters/upstream-fetch.ts';
import type { CreateServer } from './core/mcp/sdk/owner-server.ts';
import { UpstreamAssertions } from './core/mcp/upstream/upstream-assertions.ts';
import {
  type UpstreamDependencies,
  UpstreamDescriptions,
  type UpstreamServer,
} from './core/mcp/upstream/upstream-client.ts';
import { forwardingServer } from './core/mcp/upstream/upstream-forwarder.ts';
import { mcpVariables, readEnvironment } from './shared/environment.ts';
import {
  isUpstreamUrl,
  UPSTREAM_ISSUER_PATH,
  type UpstreamAddress,
  type UpstreamAddresses,
} from './shared/upstream-address.ts';

/** An MCP server in any language, which speaks Streamable HTTP: by name, or by URL. */
export type Upstream = {
  /** Its name in the setting `upstreams`. */
  name?: string;
  /** Its URL, in place of a name: https, or http on this computer. */
  url?: string;
  /**
   * Prefix of the names of its tools and prompts, such as `orders_`. Required for each of several servers.
   * @default - none
   */
  prefix?: string;
};

/**
 * Forwards to MCP servers in any language: `export const createServer = upstream({ name: 'orders' })`. With a last argument
 * of `createServer` it forwards beside the tools, prompts and resources of that server, which is of SDK v2 and comes first
 * where names are equal: `upstream({ name: 'orders', prefix: 'orders_' }, createOwnServer)`.
 *
 * Tools, prompts, resources, completions, progress, log messages, input requests and cancellation pass through, in both
 * eras of the protocol and whichever the upstream server speaks. Each request carries an assertion of the user: a JWT of 60
 * seconds with `sub` (the opaque key of the user), `client_id`, `session_id`, `groups` and `scope`. The upstream server
 * verifies it with the keys at `/upstream/jwks.json`, the issuer `<origin>/upstream` and its URL as the audience.
 *
 * @throws Error for an unknown name, a URL without https, prefixes that are not distinct, or without the setting `upstreams`
 */
export function upstream(...given: [Upstream, ...Upstream[]] | [Upstream, ...Upstream[], CreateServer]): CreateServer {
  const all: (Upstream | CreateServer)[] = given;
  const upstreams = all.filter((each) => typeof each !== 'function');
  const createOwn = all.find((each) => typeof each === 'function');
  const addresses = (environment().UPSTREAMS ?? {}) as UpstreamAddresses;
  const prefixed = upstreams.map(({ prefix = '', ...address }) => ({ prefix, server: serverOf(address, addresses) }));
  for (const { prefix, server } of prefixed) {
    const same = prefixed.find((other) => other.server !== server && other.prefix.startsWith(prefix));
    if (same) throw new Error(`Upstream servers ${server.name} and ${same.server.name} need distinct prefixes`);
  }
  const dependencies = open();
  return async (context) => {
    const own = await createOwn?.(context);
    if (own === undefined || own instanceof McpServer) return forwardingServer(prefixed, dependencies, context, own);
    throw new Error('upstream() forwards beside an McpServer of @modelcontextprotocol/server, and of no other SDK');
  };
}

function environment() {
  const { PUBLIC_URL, HOLD_SECONDS, UPSTREAMS, UPSTREAM_KEY_ID } = mcpVariables;
  return readEnvironment({ PUBLIC_URL, HOLD_SECONDS, UPSTREAMS, UPSTREAM_KEY_ID }, process.env);
}

let opened: UpstreamDependencies | undefined;

/** The same for all servers of this process. */
function open(): UpstreamDependencies {
  if (opened) return opened;
  const configuration = environment();
  const key = configuration.UPSTREAM_KEY_ID;
  if (key === undefined) throw new Error('upstream() needs the setting upstreams: add it to the stack');
  const signer = kmsAssertionSigner(openKms(), key);
  opened = {
    assertions: new UpstreamAssertions(`${configuration.PUBLIC_URL}/${UPSTREAM_ISSUER_PATH}`, signer, systemClock),
    descriptions: new UpstreamDescriptions(systemClock),
    timeoutMilliseconds: configuration.HOLD_SECONDS * 1000,
    clock: systemClock,
    log,
  };
  return opened;
}

function serverOf({ name, url }: Pick<Upstream, 'name' | 'url'>, addresses: UpstreamAddresses): UpstreamServer {
  const address = name === undefined ? { url: url ?? '' } : addressOf(name, addresses);
  if (!isUpstreamUrl(address.url)) {
    const variable = name === undefined ? '' : `, or set ${variableOf(name)}`;
    throw new Error(
      `The URL of an upstream server is ${JSON.stringify(address.url)}: use https without a query${variable}`,
    );
  }
  return {
    name: (name ?? new URL(address.url).host).slice(0, 40),
    url: address.url,
    audience: address.audience ?? address.url,
    send: fetchUpstream(address.url, { iam: address.iam ?? false }),
  };
}

/** `UPSTREAM_ORDERS_URL` replaces the URL of `orders`, such as by a server on the laptop. */
function addressOf(name: string, addresses: UpstreamAddresses): UpstreamAddress {
  const address = Object.hasOwn(addresses, name) ? addresses[name] : undefined;
  if (!address) {
    const known = Object.keys(addresses).join(', ') || 'no server';
    throw new Error(`The upstream server ${name} does not exist: the setting upstreams has ${known}`);
  }
  const replaced = process.env[variableOf(name)];
  if (replaced === undefined) return address;
  const { audience } = address;
  return { url: replaced, ...(audience !== undefined && { audience }) };
}

const variableOf = (name: string) => `UPSTREAM_${name.toUpperCase()}_URL`;
