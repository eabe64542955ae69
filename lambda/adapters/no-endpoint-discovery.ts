/**
 * Stands in for `@aws-sdk/middleware-endpoint-discovery` in the bundles: DynamoDB's endpoints are known by region, and a
 * function that does not ask for discovery never uses it, though its cache is made, and loaded, all the same.
 */
export const NODE_ENDPOINT_DISCOVERY_CONFIG_OPTIONS = {
  environmentVariableSelector: () => undefined,
  configFileSelector: () => undefined,
  default: undefined,
};

export const resolveEndpointDiscoveryConfig = <T>(config: T): T => config;
