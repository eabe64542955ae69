import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { isThrottlingError, isTransientError } from '@smithy/core/retry';
import fc from 'fast-check';
import { openTableClient } from '../../lambda/adapters/dynamodb/client/signed-table-client.ts';
import { TableError } from '../../lambda/adapters/dynamodb/client/table-client.ts';
import { resolveEndpoint } from '../../lambda/shared/aws-endpoint.ts';
import { reasonToRetry } from '../../lambda/shared/request-retries.ts';

/** Endpoint and retries of the signed client, compared with the SDK's. */

const clients = { dynamodb: new DynamoDBClient({ region: 'us-east-1' }), kms: new KMSClient({ region: 'us-east-1' }) };

describe('the endpoint of DynamoDB and of KMS', () => {
  const regions = [
    ...['us-east-1', 'eu-central-1', 'ap-southeast-7', 'mx-central-1', 'cn-north-1', 'cn-northwest-1'],
    ...['us-gov-west-1', 'us-gov-east-1', 'eusc-de-east-1', 'us-iso-east-1', 'us-isob-east-1'],
    ...['us-isof-south-1', 'eu-isoe-west-1', 'xx-nowhere-9'],
  ];
  const ways = [true, false].flatMap((UseFIPS) => [true, false].map((UseDualStack) => ({ UseFIPS, UseDualStack })));

  const cases = (['dynamodb', 'kms'] as const).flatMap((service) =>
    regions.map((region) => [service, region] as const),
  );

  test.each(cases)('(%s) in %s is that of the SDK', (service, Region) => {
    for (const way of ways) {
      const expected = clients[service].config.endpointProvider({ Region, ...way } as never).url;
      const environment = {
        AWS_REGION: Region,
        AWS_USE_FIPS_ENDPOINT: way.UseFIPS ? 'true' : undefined,
        AWS_USE_DUALSTACK_ENDPOINT: way.UseDualStack ? 'true' : 'false',
      };
      expect({ way, ...resolveEndpoint(service, environment) }).toEqual({ way, url: expected, region: Region });
    }
  });

  test('may be set by the environment, and its path ends with a slash', () => {
    const at = (variables: Record<string, string>) =>
      resolveEndpoint('dynamodb', { AWS_REGION: 'eu-west-1', ...variables }).url.href;
    const AWS_ENDPOINT_URL = 'https://all.example';
    expect(at({ AWS_ENDPOINT_URL })).toBe('https://all.example/');
    expect(at({ AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_DYNAMODB: 'http://[::1]:8000/db' })).toBe('http://[::1]:8000/db/');
    expect(at({ AWS_ENDPOINT_URL_DYNAMODB: '' })).toBe('https://dynamodb.eu-west-1.amazonaws.com/');
  });

  test.each(['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'])(
    'is not opened without %s in the environment',
    (missing) => {
      const environment = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'ID', AWS_SECRET_ACCESS_KEY: 'secret' };
      expect(() => openTableClient(environment)).not.toThrow();
      expect(() => openTableClient({ ...environment, [missing]: undefined })).toThrow();
    },
  );
});

describe('a retry', () => {
  const name = fc.constantFrom(
    ...[
      'ThrottlingException',
      'ProvisionedThroughputExceededException',
      'RequestLimitExceeded',
      'LimitExceededException',
    ],
    ...[
      'TransactionInProgressException',
      'TooManyRequestsException',
      'SlowDown',
      'PriorRequestNotComplete',
      'Throttling',
    ],
    ...['BandwidthLimitExceeded', 'EC2ThrottledException', 'RequestThrottled', 'RequestThrottledException'],
    ...['ThrottledException', 'TimeoutError', 'RequestTimeout', 'RequestTimeoutException', 'InternalServerError'],
    ...['ConditionalCheckFailedException', 'TransactionCanceledException', 'TransactionConflictException'],
    ...['AccessDeniedException', 'InvalidSignatureException', 'ValidationException', 'Error', 'AbortError'],
  );
  const status = fc.constantFrom(200, 400, 403, 404, 413, 421, 429, 500, 501, 502, 503, 504, 599);
  const message = fc.constantFrom('', 'Signature expired: is now earlier than', 'Signature not yet current');
  const code = fc.constantFrom(
    ...['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'],
    ...['EPROTO', 'CERT_HAS_EXPIRED', 'HPE_INVALID_CONSTANT', 'ERR_INVALID_CHAR', undefined],
  );
  const bySdk = (error: Error) =>
    isThrottlingError(error as never) ? 'throttling' : isTransientError(error as never) ? 'transient' : undefined;

  // The SDK leaves conflicts with transactions to its caller.
  const expectedFor = (name: string, error: Error) =>
    bySdk(error) ?? (name === 'TransactionConflictException' ? 'conflict' : undefined);

  test('is made for a transaction that met another one, unless a condition failed too', () => {
    const cancelled = (...reasons: string[]) =>
      reasonToRetry(new TableError({ name: 'TransactionCanceledException', message: '', status: 400, reasons }));
    expect(cancelled('None', 'TransactionConflict')).toBe('conflict');
    expect(cancelled('ConditionalCheckFailed', 'TransactionConflict')).toBeUndefined();
    expect(cancelled('ConditionalCheckFailed')).toBeUndefined();
  });

  test('is made for the same errors as by the SDK, and for conflicts', () => {
    const met = new Set<unknown>();
    fc.assert(
      fc.property(name, message, status, (name, message, status) => {
        const answered = Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
        const reason = reasonToRetry(new TableError({ name, message, status }));
        met.add(reason);
        // Node's name for an aborted request, which does not occur here.
        if (name !== 'AbortError') expect(reason).toBe(expectedFor(name, answered));
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(name, code, (name, code) => {
        const error = Object.assign(new Error('x'), { name, code });
        if (name !== 'AbortError') expect(reasonToRetry(error)).toBe(expectedFor(name, error));
      }),
      { numRuns: 1000 },
    );
    expect(met).toEqual(new Set(['throttling', 'transient', 'conflict', undefined]));
  });
});
