import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { OperatorTokenRequest, OperatorTokenResult } from '../../lambda/core/oauth/tokens/operator-tokens.ts';
import type { PersonalToken } from '../../lambda/core/oauth/tokens/personal-tokens.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { type DeploymentSelection, locateDeployment } from './deployment-location.ts';

/**
 * Has the OAuth function make a personal access token: only that function can sign one. The operator needs the permission
 * `lambda:InvokeFunction`.
 *
 * @throws ConfigurationError when the deployment has no such tokens, or the request is not valid
 */
export async function makeToken(
  selection: DeploymentSelection,
  personalToken: OperatorTokenRequest,
): Promise<PersonalToken> {
  const { marker, lambda } = await locateDeployment(selection);
  if (marker.tokenFunction === undefined) {
    throw new ConfigurationError('The deployment has no personal access tokens; set personalTokens on the stack.');
  }
  const client = new LambdaClient({ maxAttempts: 1, ...lambda });
  try {
    const { Payload, FunctionError } = await client.send(
      new InvokeCommand({ FunctionName: marker.tokenFunction, Payload: JSON.stringify({ personalToken }) }),
    );
    if (FunctionError !== undefined || Payload === undefined) {
      throw new ConfigurationError('The OAuth function failed; its log has the reason.');
    }
    const result = JSON.parse(new TextDecoder().decode(Payload)) as OperatorTokenResult;
    if ('error' in result) throw new ConfigurationError(`The token was not made: ${result.error}`);
    return result;
  } finally {
    client.destroy();
  }
}
