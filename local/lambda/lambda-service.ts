import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import type { Clock } from '../../lambda/core/support/clock.ts';
import { type AwsEnvironment, defaultEnvironment } from '../aws-api/aws-environment.ts';
import { AwsError, unknownOperation } from '../aws-api/aws-error.ts';
import { type AwsService, callerOf, type ServiceResponse, serve } from '../aws-api/aws-service.ts';
import type { Principals } from '../iam/principals.ts';
import type { Template } from '../template/template.ts';
import { EventQueue, type EventTarget, type RetrySeconds } from './event-queue.ts';
import { readEventTargets } from './event-targets.ts';
import { EventTooLarge, FunctionError, FunctionThrottled } from './function-error.ts';
import type { FunctionInvoker } from './function-pool.ts';
import { type FunctionReference, invalidParameter, parseFunctionReference } from './function-reference.ts';

export type LambdaOptions = {
  /** The folder of the pending events; without it they live as long as the process. */
  folder: string | undefined;
  principals: Principals;
  /** @default account 000000000000 in us-east-1 */
  environment?: AwsEnvironment;
  /** The pauses between the attempts of an event. */
  retrySeconds?: RetrySeconds | undefined;
  /** Receives a line for each dropped event. */
  log(functionName: string, line: string): void;
  clock?: Clock;
};

export type Lambda = AwsService & {
  /**
   * Makes the functions of a template invocable, in place of those of the previous one.
   *
   * @throws Error naming the resource with a failure destination, or with settings for a version or an alias
   */
  deploy(template: Template, functions: FunctionInvoker): void;
  /** Delivers the events that earlier processes left. */
  resume(): void;
  /** Removes the functions. The events that wait for them remain stored for the next start. */
  undeploy(): void;
  /** While on, every event is delivered twice, for tests of Lambda's "at least once". */
  deliverTwice(on: boolean): void;
};

/** The limit for the payload of an event, as JSON, in bytes: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html */
const EVENT_LIMIT = 1_048_576;

/** Headers that change an invocation in ways the emulator does not support. */
const unsupportedHeaders = ['x-amz-client-context', 'x-amz-durable-execution-name', 'x-amz-tenant-id'];

/**
 * Lambda's Invoke on 127.0.0.1, by which one function of the stack invokes another. It denies what the caller's role does
 * not allow, and runs functions in the gateway's `FunctionPool`, so that both count towards the function's concurrency.
 *
 * Not emulated: all other operations of Lambda, versions and aliases, the end of the log in the response (LogType Tail),
 * dead-letter queues and destinations.
 */
export async function startLambda(options: LambdaOptions): Promise<Lambda> {
  const { folder, principals, environment = defaultEnvironment, retrySeconds, log, clock = systemClock } = options;
  let targets = new Map<string, EventTarget>();
  const events = await EventQueue.open({ folder, target: (arn) => targets.get(arn), retrySeconds, clock, log });

  const service = await serve({
    async answer(message, body) {
      const reference = referenceOf(message, environment);
      const { arn, qualifier } = reference;
      const resource = qualifier === undefined ? arn : `${arn}:${qualifier}`;
      callerOf(message, principals).authorize({ action: 'lambda:InvokeFunction', resource, context: {} });
      const target = findTarget(targets, reference, resource);
      assertSupportedHeaders(message);
      return invokeTarget(target, events, message.headers['x-amz-invocation-type'], body);
    },
    errorResponse,
  });
  const undeploy = () => {
    targets = new Map();
    events.suspend();
  };
  return {
    ...service,
    deploy(template, functions) {
      targets = readEventTargets(template, functions);
    },
    resume: () => events.resume(),
    undeploy,
    deliverTwice(on) {
      events.deliverTwice = on;
    },
    async close() {
      undeploy();
      await service.close();
      await events.close();
    },
  };
}

/** The function that a request names in its path. */
function referenceOf({ method, url = '' }: IncomingMessage, environment: AwsEnvironment): FunctionReference {
  const { pathname, searchParams } = new URL(url, 'http://lambda');
  const path = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(pathname);
  if (method !== 'POST' || path === null) throw unknownOperation(`${method} ${pathname}`, 404);
  const qualifier = searchParams.get('Qualifier') ?? undefined;
  return parseFunctionReference(decodeURIComponent(path[1]!), qualifier, environment);
}

function findTarget(
  targets: ReadonlyMap<string, EventTarget>,
  { arn, qualifier = '$LATEST' }: FunctionReference,
  resource: string,
): EventTarget {
  const target = targets.get(arn);
  if (target !== undefined && qualifier === '$LATEST') return target;
  const details = { Type: 'User' };
  throw new AwsError('ResourceNotFoundException', `Function not found: ${resource}`, { status: 404, details });
}

function assertSupportedHeaders({ headers }: IncomingMessage): void {
  const name =
    unsupportedHeaders.find((each) => headers[each] !== undefined) ??
    (headers['x-amz-log-type'] === 'Tail' ? 'x-amz-log-type' : undefined);
  if (name !== undefined) throw invalidParameter(`The local emulator does not support the header ${name}.`);
}

async function invokeTarget(
  target: EventTarget,
  events: EventQueue,
  invocationType: string | string[] = 'RequestResponse',
  body: Buffer,
): Promise<ServiceResponse> {
  const requestId = randomUUID();
  switch (invocationType) {
    case 'DryRun':
      return { status: 204, headers: { 'x-amzn-RequestId': requestId }, body: '' };
    case 'Event':
      if (body.length > EVENT_LIMIT) {
        throw tooLarge(
          `${body.length} byte payload is too large for the Event invocation type (limit ${EVENT_LIMIT} bytes)`,
        );
      }
      await events.accept(target, parsePayload(body), requestId);
      return { status: 202, headers: { 'x-amzn-RequestId': requestId }, body: '' };
    case 'RequestResponse':
      return functionResponse(requestId, await resultOf(target, parsePayload(body), requestId));
    default:
      throw invalidParameter(
        `Value '${invocationType}' at 'invocationType' is not one of Event, RequestResponse, DryRun`,
      );
  }
}

/** The result of a function, or the description of its failure. */
type FunctionResult = { payload: unknown; failed: boolean };

async function resultOf(target: EventTarget, event: unknown, requestId: string): Promise<FunctionResult> {
  try {
    return { payload: await target.invoke(event, requestId), failed: false };
  } catch (error) {
    if (error instanceof FunctionThrottled) {
      const details = { Type: 'User', Reason: error.reason };
      throw new AwsError('TooManyRequestsException', 'Rate Exceeded.', { status: 429, details });
    }
    if (error instanceof EventTooLarge) throw tooLarge(error.message);
    if (!(error instanceof FunctionError)) throw error;
    const trace = error.stack?.split('\n') ?? [];
    return { payload: { errorType: error.errorType, errorMessage: error.message, trace }, failed: true };
  }
}

function functionResponse(requestId: string, { payload, failed }: FunctionResult): ServiceResponse {
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

/** The errors common to all AWS services have the status 403 in Lambda, where DynamoDB and KMS have 400. */
const forbiddenCodes = ['AccessDeniedException', 'MissingAuthenticationTokenException', 'UnrecognizedClientException'];

function errorResponse({ code, message, status, details }: AwsError): ServiceResponse {
  return {
    status: forbiddenCodes.includes(code) ? 403 : status,
    headers: {
      'Content-Type': 'application/json',
      'x-amzn-errortype': code === 'InternalServerError' ? 'ServiceException' : code,
    },
    body: JSON.stringify({ ...details, message }),
  };
}

const tooLarge = (message: string) =>
  new AwsError('RequestTooLargeException', message, { status: 413, details: { Type: 'User' } });

/** The function receives an empty object for a missing payload. */
function parsePayload(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    const message = `Could not parse request body into json: ${(error as Error).message}`;
    throw new AwsError('InvalidRequestContentException', message, { details: { Type: 'User' } });
  }
}
