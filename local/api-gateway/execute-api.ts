import { arn, region } from '../aws-api/aws-account.ts';

/** The host name that API Gateway gives to an API. */
export const executeApiHost = (apiId: string) => `${apiId}.execute-api.${region}.amazonaws.com`.toLowerCase();

/** The ARN of an API, without stage, method and path. */
export const executeApiArn = (apiId: string) => arn('execute-api', apiId);
