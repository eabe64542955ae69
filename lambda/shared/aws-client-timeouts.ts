/**
 * How long clients of the AWS SDK wait, three times over: a service that does not answer is an outage, and one that is
 * asked again while the caller still waits.
 */
export const requestHandler = {
  connectionTimeout: 1000,
  requestTimeout: 3000,
  // Otherwise a request that hangs is a warning in the log, and goes on hanging.
  throwOnRequestTimeout: true,
  // For an answer that has begun.
  socketTimeout: 3000,
};
