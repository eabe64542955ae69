import type { request as httpsRequest } from 'node:https';

/** The `https` of `aws-jwt-verify`, which fetches the keys of an identity provider alone. Node's takes 8 ms of a cold start. */
export const request = ((...parameters: Parameters<typeof httpsRequest>) =>
  process.getBuiltinModule('node:https').request(...parameters)) as typeof httpsRequest;
