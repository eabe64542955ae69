/** Timeouts of each of three attempts of the AWS SDK's clients, short enough that the caller still waits for the last. */
export const requestHandler = {
  connectionTimeout: 1000,
  requestTimeout: 3000,
  // Otherwise the SDK logs a warning and keeps waiting.
  throwOnRequestTimeout: true,
  // For a response that has begun.
  socketTimeout: 3000,
};
