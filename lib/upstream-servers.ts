import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { McpEnvironment } from '../lambda/shared/environment.ts';
import { UPSTREAM_ISSUER_PATH, type UpstreamAddress } from '../lambda/shared/upstream-address.ts';
import { SigningKeys } from './encryption-keys.ts';
import type { Stage } from './settings/stage.ts';
import type { UpstreamEndpoint, UpstreamSettings } from './settings/upstream-settings.ts';

/** The MCP servers behind this one, and the keys of the assertions for them. */
export class UpstreamServers extends Construct {
  readonly keys: SigningKeys;
  /** `iss` of the assertions. */
  readonly issuer: string;
  /** Variables of the functions that send requests to the servers. */
  readonly environment: Partial<McpEnvironment>;
  readonly #servers: readonly UpstreamEndpoint[];

  constructor(
    scope: Construct,
    id: string,
    props: { stage: Stage; upstreams: Required<UpstreamSettings>['upstreams']; keyNames: string[]; publicUrl: string },
  ) {
    super(scope, id);
    this.keys = new SigningKeys(this, props.keyNames, {
      prefix: 'Key',
      description: (name) => `Signs the assertions of Holdfast for upstream servers${name === '1' ? '' : ` (${name})`}`,
      stage: props.stage,
    });
    this.issuer = `${props.publicUrl}/${UPSTREAM_ISSUER_PATH}`;
    this.#servers = Object.values(props.upstreams);
    const addresses = Object.entries(props.upstreams).map(([name, server]) => [name, addressOf(server)]);
    this.environment = {
      UPSTREAMS: Stack.of(this).toJsonString(Object.fromEntries(addresses)),
      UPSTREAM_KEY_ID: this.keys.signing,
    };
  }

  /** Grants sending requests to the servers. */
  grantUse(grantee: IGrantable): void {
    this.keys.grantSignWithPublicKey(grantee);
    // Both permissions that function URLs require since October 2025.
    for (const { functionUrl } of this.#servers) functionUrl?.grantInvokeUrl(grantee);
  }
}

function addressOf({ url, functionUrl, path = '/mcp', audience }: UpstreamEndpoint): UpstreamAddress {
  const named = audience === undefined ? {} : { audience };
  // The URL of a function ends with a slash.
  if (functionUrl) return { url: `${functionUrl.url}${path.slice(1)}`, ...named, iam: true };
  return { url: url!, ...named };
}
