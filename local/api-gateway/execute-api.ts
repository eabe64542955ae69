import type { AwsEnvironment } from '../aws-api/aws-environment.ts';

/** The host name that API Gateway gives to an API. */
export const executeApiHost = ({ region, urlSuffix }: AwsEnvironment, apiId: string) =>
  `${apiId}.execute-api.${region}.${urlSuffix}`.toLowerCase();

/** The ARN of an API, without stage, method and path. */
export const executeApiArn = (environment: AwsEnvironment, apiId: string) => environment.arn('execute-api', apiId);
