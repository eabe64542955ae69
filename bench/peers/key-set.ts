import { get } from 'node:https';

/** An authorizer that does nothing but fetch the issuer's key set: what of the first token is the network's. */
export const authorize = async () => {
  await new Promise((resolve, reject) => {
    get(`${process.env.PUBLIC_URL}/jwks.json`, (response) => response.resume().on('end', resolve)).on('error', reject);
  });
  return { policyDocument: { Statement: [{ Effect: 'Allow' }] } };
};
