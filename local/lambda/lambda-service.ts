import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import {
  AwsError,
  type AwsService,
  accessKeyIdOf,
  account,
  region,
  type ServiceResponse,
  serve,
} from '../aws-api/aws-service.ts';
import type { Principals } from '../iam/principals.ts';
import type { Template } from '../template/template.ts';
import { EventQueue, type EventTarget } from './event-queue.ts';
import { EventTooLarge, FunctionError, type FunctionPool, FunctionThrottled } from './function-pool.ts';

export type LambdaOptions = {
  principals: Principals;
  /** An event that was dropped. */
  log(functionName: string, line: string): void;
  /**
   * How long a minute is for an event that waits to be tried again, in seconds. Nobody at a desk waits as long as Lambda
   * does, so it is a second, and an event whose function fails is tried again after one second and after two.
   *
   * @default 1
   */
  secondsPerMinute?: number;
};

export type Lambda = AwsService & {
  /**
   * Makes the functions of a template invocable, in place of those of an earlier one.
   *
   * @throws Error naming the resource that sends failed events elsewhere, or that concerns a version or an alias
   */
  deploy(template: Template, functions: FunctionPool): void;
  /** Takes the functions away, and forgets the events that wait for them. */
  undeploy(): void;
  /** While on, every event is delivered twice: how a test shows that "at least once" is all that Lambda promises. */
  deliverTwice(on: boolean): void;
};

/** Bytes of the payload of an event, as JSON: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html */
const EVENT_LIMIT = 1_048_576;

/** Headers with a meaning that is not given to them here. */
const unsupportedHeaders = ['x-amz-client-context', 'x-amz-durable-execution-name', 'x-amz-tenant-id'];

/**
 * Lambda's Invoke on 127.0.0.1, by which one function of the stack starts another: refused when the caller's role does
 * not allow lambda:InvokeFunction, run by the same `Functions` that answer the gateway, so that both count together
 * towards the function's concurrency.
 *
 * Not here: every other operation of Lambda, versions and aliases, the end of the log in the answer (LogType Tail),
 * dead-letter queues and destinations.
 */
export async function startLambda({ principals, log, secondsPerMinute = 1 }: LambdaOptions): Promise<Lambda> {
  let deployed = new Map<string, EventTarget>();
  const events = new EventQueue({ target: (arn) => deployed.get(arn), secondsPerMinute, log });

  async function answer(message: IncomingMessage, body: Buffer): Promise<ServiceResponse> {
    const { arn, qualifier } = addressee(message);
    const resource = qualifier === undefined ? arn : `${arn}:${qualifier}`;
    principals.authorize(accessKeyIdOf(message), { action: 'lambda:InvokeFunction', resource, context: {} });
    const target = deployed.get(arn);
    if (target === undefined || (qualifier ?? '$LATEST') !== '$LATEST') {
      throw new AwsError('ResourceNotFoundException', `Function not found: ${resource}`, {
        status: 404,
        details: { Type: 'User' },
      });
    }
    const unsupported = unsupportedHeaders.find((name) => message.headers[name] !== undefined);
    if (unsupported !== undefined || message.headers['x-amz-log-type'] === 'Tail') {
      throw invalid(`The header ${unsupported ?? 'x-amz-log-type'} is not supported locally.`);
    }

    const requestId = randomUUID();
    const type = message.headers['x-amz-invocation-type'] ?? 'RequestResponse';
    switch (type) {
      case 'DryRun':
        return { status: 204, headers: { 'x-amzn-RequestId': requestId }, body: '' };
      case 'Event': {
        if (body.length > EVENT_LIMIT) {
          throw tooLarge(
            `${body.length} byte payload is too large for the Event invocation type (limit ${EVENT_LIMIT} bytes)`,
          );
        }
        events.accept(target, parse(body), requestId);
        return { status: 202, headers: { 'x-amzn-RequestId': requestId }, body: '' };
      }
      case 'RequestResponse':
        return answered(requestId, await outcomeOf(target, parse(body), requestId));
      default:
        throw invalid(`Value '${type}' at 'invocationType' is not one of Event, RequestResponse, DryRun`);
    }
  }

  const service = await serve({ answer, refuse });
  const undeploy = () => {
    deployed = new Map();
    events.clear();
  };
  return {
    ...service,
    deploy(template, functions) {
      deployed = functionsOf(template, functions);
    },
    undeploy,
    deliverTwice(on) {
      events.deliverTwice = on;
    },
    close() {
      undeploy();
      return service.close();
    },
  };
}

/** What a function returned, or how it failed. */
type Outcome = { payload: unknown; failed: boolean };

async function outcomeOf(target: EventTarget, event: unknown, requestId: string): Promise<Outcome> {
  try {
    return { payload: await target.invoke(event, requestId), failed: false };
  } catch (error) {
    if (error instanceof FunctionThrottled) {
      const details = { Type: 'User', Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' };
      throw new AwsError('TooManyRequestsException', 'Rate Exceeded.', { status: 429, details });
    }
    if (error instanceof EventTooLarge) throw tooLarge(error.message);
    if (!(error instanceof FunctionError)) throw error;
    const trace = error.stack?.split('\n') ?? [];
    return { payload: { errorType: error.errorType, errorMessage: error.message, trace }, failed: true };
  }
}

function answered(requestId: string, { payload, failed }: Outcome): ServiceResponse {
  return {
    status: 200,
    headers: {
      'Content-Type': 'application/json',
      'x-amzn-RequestId': requestId,
      'X-Amz-Executed-Version': '$LATEST',
      ...(failed ? { 'X-Amz-Function-Error': 'Unhandled' } : {}),
    },
    body: JSON.stringify(payload),
  };
}

/** The errors that every AWS service has are 403 here, where DynamoDB and KMS say 400. */
const notAllowed = ['AccessDeniedException', 'MissingAuthenticationTokenException', 'UnrecognizedClientException'];

function refuse({ code, message, status, details }: AwsError): ServiceResponse {
  return {
    status: notAllowed.includes(code) ? 403 : status,
    headers: {
      'Content-Type': 'application/json',
      'x-amzn-errortype': code === 'InternalServerError' ? 'ServiceException' : code,
    },
    body: JSON.stringify({ ...details, message }),
  };
}

const invalid = (message: string) =>
  new AwsError('InvalidParameterValueException', message, { details: { Type: 'User' } });
const tooLarge = (message: string) =>
  new AwsError('RequestTooLargeException', message, { status: 413, details: { Type: 'User' } });

/** @throws Error naming the resource whose settings cannot be kept here */
function functionsOf(template: Template, functions: FunctionPool): Map<string, EventTarget> {
  const targets = new Map<string, EventTarget>();
  for (const { logicalId, properties } of template.resources('AWS::Lambda::Function')) {
    if (properties.DeadLetterConfig !== undefined) {
      throw new Error(`${logicalId}: a dead-letter queue is not run locally`);
    }
    const arn = String(template.resolve({ 'Fn::GetAtt': [logicalId, 'Arn'] }, logicalId));
    targets.set(arn, {
      arn,
      functionName: String(template.resolve({ Ref: logicalId }, logicalId)),
      retryAttempts: 2,
      maximumAgeSeconds: 6 * 3600,
      invoke: (event, requestId) => functions.invoke(logicalId, event, requestId),
    });
  }
  for (const { logicalId, properties } of template.resources('AWS::Lambda::EventInvokeConfig')) {
    const { FunctionName, Qualifier, MaximumRetryAttempts, MaximumEventAgeInSeconds, DestinationConfig } = properties;
    if (Object.keys(DestinationConfig ?? {}).length > 0) {
      throw new Error(`${logicalId}: destinations of events are not run locally`);
    }
    const target = targets.get(parseReference(String(FunctionName), String(Qualifier)).arn);
    if (target === undefined || Qualifier !== '$LATEST') {
      throw new Error(`${logicalId}: the template has no function ${FunctionName}:${Qualifier}`);
    }
    if (MaximumRetryAttempts !== undefined) target.retryAttempts = Number(MaximumRetryAttempts);
    if (MaximumEventAgeInSeconds !== undefined) target.maximumAgeSeconds = Number(MaximumEventAgeInSeconds);
  }
  return targets;
}

/** No payload at all is an empty object to the function. */
function parse(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    const message = `Could not parse request body into json: ${(error as Error).message}`;
    throw new AwsError('InvalidRequestContentException', message, { details: { Type: 'User' } });
  }
}

/** `arn` is without the qualifier. */
type Addressee = { arn: string; qualifier: string | undefined };

/** Whom a request is for, by the function's name, its ARN, or the part of it that begins with the account. */
function addressee({ method, url = '' }: IncomingMessage): Addressee {
  const { pathname, searchParams } = new URL(url, 'http://lambda');
  const path = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(pathname);
  if (method !== 'POST' || path === null) {
    throw new AwsError('UnknownOperationException', `${method} ${pathname} does not exist locally.`, { status: 404 });
  }
  return parseReference(decodeURIComponent(path[1]!), searchParams.get('Qualifier') ?? undefined);
}

const reference =
  /^(?:(?:arn:aws:lambda:(?<region>[\w-]+):)?(?<account>\d{12}):function:)?(?<name>[\w-]+)(?::(?<qualifier>\$LATEST|[\w-]+))?$/;

function parseReference(text: string, given: string | undefined): Addressee {
  const { groups } = reference.exec(text) ?? {};
  if (groups === undefined) throw invalid(`Value '${text}' at 'functionName' failed to satisfy constraint`);
  const qualifier = groups.qualifier ?? given;
  if (given !== undefined && given !== qualifier) {
    throw invalid('The derived qualifier from the function name does not match the specified qualifier.');
  }
  const arn = `arn:aws:lambda:${groups.region ?? region}:${groups.account ?? account}:function:${groups.name}`;
  return { arn, qualifier };
}
