import type { AwsEnvironment } from '../aws-api/aws-environment.ts';
import type { Statement } from '../iam/iam-policy.ts';

/** How a method produces its response. */
export type Integration = LambdaIntegration | MockIntegration;

export type LambdaIntegration = {
  type: 'AWS_PROXY';
  /** The logical id. */
  function: string;
  stream: boolean;
  timeoutMilliseconds: number;
};

export type MockIntegration = { type: 'MOCK'; status: number; headers: HeaderList; body: string };

export type HeaderList = [name: string, value: string][];

export type Authorizer = {
  /** The logical id. */
  id: string;
  /** The logical id of its function. */
  function: string;
  /** The parameters that identify a caller: all are required, and together they are the key of the cache. */
  identitySources: { from: 'header' | 'querystring'; name: string }[];
  ttlSeconds: number;
};

/** A throttling setting of the stage, shared by all methods that it covers. */
export type ThrottleLimit = { ratePerSecond: number; burst: number };

export type Route = {
  resourceId: string;
  /** With unresolved parameters, such as `/users/{id}`. */
  resourcePath: string;
  parameters: Record<string, string>;
  integration: Integration;
  authorizer: Authorizer | undefined;
  limit: ThrottleLimit | undefined;
};

/** An AWS::ApiGateway::GatewayResponse. */
export type CustomResponse = {
  status?: number;
  headers: HeaderList;
  template?: { contentType: string; body: string };
};

export type Api = {
  environment: AwsEnvironment;
  id: string;
  /** The host name of its requests: the custom domain or, without one, the name that API Gateway gives to the API. */
  host: string;
  stage: string;
  binaryMediaTypes: string[];
  responses: Map<string, CustomResponse>;
  /** The resource policy. Empty: everyone may call the API. */
  policy: Statement[];
  /** @param path of the request, without the stage @returns undefined if the API has no such method */
  route(method: string, path: string): Route | undefined;
};
