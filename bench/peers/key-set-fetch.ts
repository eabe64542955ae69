import { get } from 'node:https';

/** An authorizer that only fetches the issuer's key set: the network's share of the first token. */
export const authorize = async () => {
  await new Promise((resolve, reject) => {
    get(`${process.env.PUBLIC_URL}/jwks.json`, (response) => response.resume().on('end', resolve)).on('error', reject);
  });
  return { policyDocument: { Statement: [{ Effect: 'Allow' }] } };
};
