import https from 'node:https';
import { sendHttpRequest } from './http-exchange.ts';
import { retryRequests } from './request-retries.ts';

/** The members of CloudFormation's event that a response repeats. */
export type CustomResourceRequest = {
  /** A presigned URL of S3, which expires. */
  ResponseURL: string;
  StackId: string;
  RequestId: string;
  LogicalResourceId: string;
  /** Absent when the resource is created. */
  PhysicalResourceId?: string;
};

/** `Data` has the values of `Fn::GetAtt`; a response is 4 kB at most. */
export type CustomResourceResponse =
  | { Status: 'SUCCESS'; Data?: Record<string, string> }
  | { Status: 'FAILED'; Reason: string };

const retry = retryRequests(['throttling', 'transient']);

/**
 * Responds to CloudFormation. Without a response, the deployment waits until the timeout of the resource.
 *
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
 * @throws Error if the response is not accepted. Lambda then invokes the function again.
 */
export async function sendCustomResourceResponse(
  { ResponseURL, StackId, RequestId, LogicalResourceId, PhysicalResourceId }: CustomResourceRequest,
  response: CustomResourceResponse,
): Promise<void> {
  const { protocol, hostname, port, pathname, search } = new URL(ResponseURL);
  // Only local endpoints use http.
  const { request } = protocol === 'https:' ? https : process.getBuiltinModule('node:http');
  const answered = {
    StackId,
    RequestId,
    LogicalResourceId,
    PhysicalResourceId: PhysicalResourceId ?? LogicalResourceId,
  };
  const body = Buffer.from(JSON.stringify({ ...answered, ...response }));
  const options = {
    method: 'PUT',
    // A URL has an IPv6 address in brackets.
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port || undefined,
    path: pathname + search,
    // The signature of the URL is that of a request without a content type.
    headers: { 'content-type': '', 'content-length': String(body.length) },
  };
  await retry(async () => {
    const { status } = await sendHttpRequest(request, options, body);
    if (status < 300) return;
    throw Object.assign(new Error(`CloudFormation answered the response with status ${status}`), { status });
  });
}
