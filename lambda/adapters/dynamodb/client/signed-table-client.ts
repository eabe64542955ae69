import https from 'node:https';
import { type ProcessEnvironment, resolveEndpoint } from '../../../shared/aws-endpoint.ts';
import { type Credentials, credentialsIn, requestSigner } from '../../../shared/aws-request-signature.ts';
import { type HttpReply, sendHttpRequest } from '../../../shared/http-exchange.ts';
import { retryRequests, type Sleep } from '../../../shared/request-retries.ts';
import { objectIn } from './attribute-values.ts';
import { type TableClient, TableError } from './table-client.ts';
import { wireTableClient } from './wire-table-client.ts';

/** The SDK's default. */
const MOST_CONNECTIONS = 50;

/** With the function's credentials, which are read from the environment once. */
export function openTableClient(environment: ProcessEnvironment = process.env): TableClient {
  const credentials = credentialsIn(environment);
  const { url, region } = resolveEndpoint('dynamodb', environment);
  return signedTableClient(url, region, credentials);
}

/**
 * DynamoDB's JSON protocol (AWS JSON 1.0) on Node's own modules. The SDK's client takes 25 ms more of a cold start and
 * nearly three times the CPU for each request. A request without response fails after three seconds.
 *
 * Like the SDK's client it does not check `x-amz-crc32`, since TLS has a checksum. It does not correct clock skew: Lambda
 * synchronizes its clock.
 *
 * @param sleep of the pauses between attempts. @default - a timer
 */
export function signedTableClient(endpoint: URL, region: string, credentials: Credentials, sleep?: Sleep): TableClient {
  // Only local endpoints use http. An import of `node:http` costs processes that run these sources 20 ms.
  const { Agent, request } = endpoint.protocol === 'https:' ? https : process.getBuiltinModule('node:http');
  const target = {
    agent: new Agent({ keepAlive: true, maxSockets: MOST_CONNECTIONS }),
    method: 'POST',
    // A URL has an IPv6 address in brackets.
    host: endpoint.hostname.replace(/^\[|\]$/g, ''),
    port: endpoint.port || undefined,
    path: endpoint.pathname,
  };
  const sign = requestSigner('dynamodb', endpoint, region, credentials);
  const retry = retryRequests(undefined, sleep);

  function send(operation: string, input: object): Promise<Record<string, unknown>> {
    const body = Buffer.from(JSON.stringify(input));
    const headers = {
      'content-type': 'application/x-amz-json-1.0',
      'content-length': String(body.length),
      host: endpoint.host,
      'x-amz-target': `DynamoDB_20120810.${operation}`,
    };
    return retry(async () => {
      // Signed anew for each attempt: a signature is valid for minutes, and the function may have been frozen since.
      const signed = await sign(headers, body);
      return outcomeOf(await sendHttpRequest(request, { ...target, headers: signed }, body));
    });
  }

  return wireTableClient(send);
}

/**
 * @throws TableError for an error of DynamoDB; another error for a response that is not DynamoDB's, such as a proxy's or
 * an empty one, which must not be read as "no item"
 */
function outcomeOf({ status, body }: HttpReply): Record<string, unknown> {
  let content: Record<string, unknown>;
  try {
    content = objectIn(JSON.parse(body.toString()));
  } catch {
    throw foreignResponse(status);
  }
  if (status === 200) return content;
  const { __type, CancellationReasons = [] } = content;
  const message = content.message || content.Message || 'UnknownError';
  if (typeof __type !== 'string') throw foreignResponse(status);
  // `com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException`
  const name = __type.replace(/[,:].*$/, '').replace(/^.*#/, '');
  const reasons = (CancellationReasons as { Code?: string }[]).map(({ Code = 'None' }) => Code);
  throw new TableError({ name, message: String(message), status, reasons });
}

/** Without a cause, which would quote the response. */
const foreignResponse = (status: number) =>
  Object.assign(new Error(`The response of status ${status} is not from DynamoDB`), { status });
