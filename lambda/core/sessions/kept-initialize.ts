import { isDeeperThan } from '../support/json.ts';
import type { Initialize } from './session.ts';

/** The parameters are stored with the session, a small item that is read with every request. In characters. */
const MOST_KEPT = 8 * 1024;
/** DynamoDB nests 32 levels in an item (Amazon DynamoDB Developer Guide, quotas). */
const DEEPEST_KEPT = 24;
const LONGEST_NAME = 256;

/**
 * The parameters of `initialize` as the session stores them: without icons, descriptions and addresses of the client. Where
 * they are still too large, without the capabilities that the client defines itself.
 *
 * @returns undefined when the capabilities of the protocol alone are too large
 */
export function keptInitialize({ protocolVersion, capabilities, clientInfo }: Initialize): Initialize | undefined {
  const { name, version, title } = clientInfo;
  const kept: Initialize = {
    protocolVersion: shortened(protocolVersion),
    capabilities,
    clientInfo: {
      name: shortened(name),
      version: shortened(version),
      ...(typeof title === 'string' && { title: shortened(title) }),
    },
  };
  if (isSmall(kept)) return kept;
  const { experimental: _, extensions: __, ...ofProtocol } = capabilities;
  const smaller = { ...kept, capabilities: ofProtocol };
  return isSmall(smaller) ? smaller : undefined;
}

function isSmall(initialize: Initialize): boolean {
  const text = JSON.stringify(initialize);
  return text.length <= MOST_KEPT && !isDeeperThan(DEEPEST_KEPT, text);
}

const shortened = (text: string) => (text.length > LONGEST_NAME ? text.slice(0, LONGEST_NAME).toWellFormed() : text);
